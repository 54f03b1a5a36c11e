/**
 * The end of the connections when the service stops. The server closes by itself those that are idle then, and waits for
 * the others: for callers that never ask anything, that send half a request, or that don't read their stream.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { App } from "./appDeps.ts";

/** Waits and streams end at once when the service stops, and have so long to get their last words out. */
const lastWordsMs = 1_000;

export function closeConnections(app: App, stopping: AbortSignal): void {
  const open = new Set<Socket>();
  /** A request that stores something gets its answer, however long the broker takes; a stream is no such answer. */
  const storing = new WeakMap<Socket, ServerResponse>();
  const isStoring = (socket: Socket) => {
    const answer = storing.get(socket);
    return answer !== undefined && !isStream(answer);
  };

  app.server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  app.addHook("preHandler", ({ method, raw }, reply, done) => {
    if (method === "POST") storing.set(raw.socket, reply.raw);
    done();
  });
  app.addHook("onResponse", ({ raw }, _reply, done) => {
    storing.delete(raw.socket);
    if (stopping.aborted) raw.socket.end();
    done();
  });
  const close = () => {
    for (const socket of open) if (!isStoring(socket)) socket.destroy();
  };
  stopping.addEventListener("abort", () => {
    setTimeout(close, lastWordsMs).unref();
  });
}

const isStream = (answer: ServerResponse): boolean =>
  String(answer.getHeader("content-type")).startsWith("text/event-stream");
