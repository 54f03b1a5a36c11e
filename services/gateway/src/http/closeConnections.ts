/**
 * The end of the connections when the service stops. The server closes by itself those that are idle then, and waits for
 * the others: for callers that never ask anything, that send half a request, or that don't read their stream.
 */
import type { Socket } from "node:net";
import type { App } from "./appDeps.ts";

/** Waits and streams end at once when the service stops, and have so long to get their last words out. */
const lastWordsMs = 1_000;

export function closeConnections(app: App, stopping: AbortSignal): void {
  const open = new Set<Socket>();
  /** A request that stores something gets its answer, however long the broker takes. */
  const storing = new WeakSet<Socket>();

  app.server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  app.addHook("preHandler", ({ method, raw }, _reply, done) => {
    if (method === "POST") storing.add(raw.socket);
    done();
  });
  app.addHook("onResponse", ({ raw }, _reply, done) => {
    storing.delete(raw.socket);
    if (stopping.aborted) raw.socket.end();
    done();
  });
  const close = () => {
    for (const socket of open) if (!storing.has(socket)) socket.destroy();
  };
  stopping.addEventListener("abort", () => {
    setTimeout(close, lastWordsMs).unref();
  });
}
