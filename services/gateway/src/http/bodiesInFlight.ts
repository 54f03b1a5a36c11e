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
    if (bytes === 0) return done();
    if (taken > 0 && taken + bytes > bodiesInFlight) return done(noRoom());
    taken += bytes;
    request.leaveRoom = () => {
      taken -= bytes;
      request.leaveRoom = null;
    };
    // A caller who hangs up before the body is whole; after that the handler has it, and answers.
    reply.raw.once("close", () => {
      if (request.body === undefined) request.leaveRoom?.();
    });
    done();
  });
  app.addHook("onSend", (request, _reply, _payload, done) => {
    request.leaveRoom?.();
    done();
  });

  const noRoom = () =>
    new ApiError("unavailable", "too many large requests at once", {
      limit: { name: "BODIES_IN_FLIGHT", value: bodiesInFlight },
      retryAfterS,
    });
}

/** The body is not needed any more, though the answer may take its time: its memory is free. */
export function dropBody(request: FastifyRequest): void {
  request.body = undefined;
  request.leaveRoom?.();
}

/** By what the call says; of a body in chunks nobody knows, and one over the limit is refused without being read. */
function bytesOf({ headers }: FastifyRequest, bodyLimit: number): number {
  if (headers["transfer-encoding"] !== undefined) return bodyLimit;
  const length = Number(headers["content-length"] ?? 0);
  return length <= bodyLimit ? length : 0;
}
