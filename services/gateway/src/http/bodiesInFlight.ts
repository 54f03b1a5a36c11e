/** A call whose body finds no room beside those that are received or worked on is refused before its body is read. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { BodyLimits } from "../admission/bodyRoom.ts";
import type { ApiError } from "../apiError.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Gives the room of the body back, once; null where it took none. */
    leaveRoom: (() => void) | null;
  }
}

/** Guards the routes of this scope, after whatever hooks they have by now. */
export function limitBodies(
  app: FastifyInstance,
  { bodyLimit, bodies }: BodyLimits,
): void {
  app.decorateRequest("leaveRoom", null);
  app.addHook("onRequest", (request, reply, done) => {
    const bytes = bytesOf(request, bodyLimit);
    if (!bodies.isCounted(bytes)) return done();
    try {
      const leave = bodies.take(bytes);
      request.leaveRoom = () => {
        leave();
        request.leaveRoom = null;
      };
    } catch (error) {
      return done(error as ApiError);
    }
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
