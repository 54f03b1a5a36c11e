/**
 * An answer to a request whose body is not read to its end: too large, of no valid key, not needed. A client that writes
 * its body before it reads loses the answer if the connection is closed meanwhile: TCP drops what came with the reset.
 * So the answer goes out at once, and ends when the rest of the body came and was dropped.
 */
import type { FastifyReply } from "fastify";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { App } from "./appDeps.ts";

/** Bytes: a client that sends more is cut off. One that is slow is cut off by the server's time-out for requests. */
const maxDropped = 64 * 1024 * 1024;

/** Of the routes of this scope, which read no body. */
export function dropUnreadBodies(app: App): void {
  app.addHook<unknown>("onSend", ({ raw }, reply, payload, done) => {
    if (!isUnread(raw) || typeof payload !== "string")
      return done(null, payload);
    done(null, answerUnread(reply, payload));
  });
}

/** The answer to a request whose body is not read, as a stream that ends with that body. */
export function answerUnread(reply: FastifyReply, answer: string): Readable {
  const { raw } = reply.request;
  void reply.header("content-length", Buffer.byteLength(answer));
  reply.raw.once("finish", () => {
    if (!raw.complete) raw.socket.destroySoon();
  });
  return Readable.from(answerAndDrop(answer, raw));
}

/** Bytes: a client never waits while it writes so few, and Node drops them behind the answer. */
const small = 64 * 1024;

/** Whether a body may still come that makes the client lose the answer. */
export function isUnread({
  complete,
  headers,
  httpVersion,
}: IncomingMessage): boolean {
  if (complete) return false;
  if (headers["transfer-encoding"] !== undefined) return true;
  const length = Number(headers["content-length"] ?? 0);
  const closes =
    httpVersion === "1.0" || /\bclose\b/i.test(headers.connection ?? "");
  return length > (closes ? 0 : small);
}

async function* answerAndDrop(answer: string, body: IncomingMessage) {
  yield answer;
  await dropRest(body);
}

/** Resolves when the body is over, or too much of it came. */
function dropRest(body: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = maxDropped;
  body.on("data", ({ length }: Buffer) => {
    left -= length;
    if (left < 0) resolve();
  });
  for (const over of ["end", "close", "error"])
    body.once(over, () => resolve());
  body.resume();
  return promise.finally(() => body.pause());
}
