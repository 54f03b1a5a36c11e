/** Another port of the same server, whose `/` leads to the dashboard. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { App } from "./appDeps.ts";

/** The connections that came over another port. */
const cameOver = new WeakSet<Socket>();

/**
 * Hands the connections of this port to the app's own server, so that whatever holds there holds for them too: limits,
 * time-outs, and the end when the service stops. Rejects where the port can't be had.
 */
export async function listenForDashboard(
  app: Pick<App, "server">,
  address: { host: string; port: number },
): Promise<Disposable> {
  // As Node's HTTP server makes its own: an answer can follow when the caller has sent all.
  const options = { allowHalfOpen: true, noDelay: true };
  const server = createServer(options, (socket) => {
    cameOver.add(socket);
    app.server.emit("connection", socket);
  });
  server.listen(address);
  await once(server, "listening");
  return { [Symbol.dispose]: () => void server.close() };
}

/** Before the hook that refuses `/`, which is no route. */
export function leadToDashboard(app: App): void {
  app.addHook("onRequest", ({ is404, url, raw }, reply, done) => {
    if (is404 && url === "/" && cameOver.has(raw.socket))
      reply.redirect(`${app.publicPath}/dashboard/`);
    else done();
  });
}
