/**
 * How many bytes of request bodies are received or worked on at once: a body takes several times its size until it is
 * stored, so without a limit a few dozen large prompts end the process. A call that finds no room is refused before
 * its body is read.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "../apiError.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Gives the room of the body back, once; null where it took none. */
    leaveRoom: (() => void) | null;
  }
}

const retryAfterS = 1;
/** A body of less than such a part of the room is not counted: it takes little more than its connection. */
const smallParts = 4_096;

export interface BodyLimits {
  /** Of one body, in bytes. */
  bodyLimit: number;
  /** Of all of them together, in bytes; one alone is always taken. */
  bodiesInFlight: number;
}

/** Guards the routes of this scope, after whatever hooks they have by now. */
export function limitBodies(
  app: FastifyInstance,
  { bodyLimit, bodiesInFlight }: BodyLimits,
): void {
  let taken = 0;

  app.decorateRequest("leaveRoom", null);
  app.addHook("onRequest", (request, reply, done) => {
    const bytes = bytesOf(request, bodyLimit);
    if (bytes * smallParts <= bodiesInFlight) return done();
    if (taken > 0 && taken + bytes > bodiesInFlight) return done(noRoom());
    taken += bytes;
    request.leaveRoom = () => {
      taken -= bytes;
      request.leaveRoom = null;
    };
    // The answer is out, or its caller hung up before the body was whole; after that the handler has it.
    reply.raw.once("close", () => {
      if (request.body === undefined || reply.raw.writableFinished)
        request.leaveRoom?.();
    });
    done();
  });

  // An answer that waits behind another one of its connection is never closed where the caller hangs up.
  app.addHook("onError", (request, _reply, _error, done) => {
    dropBody(request);
    done();
  });

  const noRoom = () =>
    new ApiError("unavailable", "too many large requests at once", {
      limit: { name: "BODIES_IN_FLIGHT", value: bodiesInFlight },
      retryAfterS,
    });
}

/** The body is not needed any more, though the answer may take its time: its memory is free. */
export function dropBody(
  request: Pick<FastifyRequest, "body" | "leaveRoom">,
): void {
  request.body = undefined;
  request.leaveRoom?.();
}

/** By what the call says; of a body in chunks nobody knows, and one over the limit is refused without being read. */
function bytesOf({ headers }: FastifyRequest, bodyLimit: number): number {
  if (headers["transfer-encoding"] !== undefined) return bodyLimit;
  const length = Number(headers["content-length"] ?? 0);
  return length <= bodyLimit ? length : 0;
}
