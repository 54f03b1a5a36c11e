/** Another port of the same server, and where `/` leads. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { FastifyRequest } from "fastify";
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

/** What a browser asks for that opens an address. */
const wantsPage = ({ headers: { accept = "" } }: FastifyRequest): boolean =>
  /\btext\/html\b/i.test(accept);

/** Leads from `/`, which is no route: browsers, and on the other port everybody. Before the hook that refuses it. */
export function leadToDashboard(app: App): void {
  app.addHook("onRequest", (request, reply, done) => {
    const { is404, method, raw } = request;
    const [path] = request.url.split("?");
    const reads = method === "GET" || method === "HEAD";
    if (!is404 || path !== "/" || !reads) return done();
    // The refusal has it too. What CORS says of the origin would be replaced.
    reply.header("vary", "accept, origin");
    if (wantsPage(request) || cameOver.has(raw.socket))
      reply.redirect(`${app.publicPath}/dashboard/`);
    else done();
  });
}
