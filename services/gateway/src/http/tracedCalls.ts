import type { FastifyInstance } from "fastify";
import type { TraceCalls, TracedCall } from "../accept/traceCalls.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Of a route behind `noteTracedCalls`, where traces are asked for. */
    traced?: TracedCall | undefined;
  }
}

/** From now on the calls of this scope have a span, if they make a task. Behind `noteArrivals`. */
export function noteTracedCalls(
  app: FastifyInstance,
  traces: TraceCalls | undefined,
): void {
  if (traces === undefined) return;
  app.decorateRequest("traced", undefined);
  app.addHook("onRequest", (request, _reply, done) => {
    const { method, url, arrivedAt, routeOptions } = request;
    const [path = url] = url.split("?");
    request.traced = {
      method,
      route: routeOptions.url ?? path,
      path,
      arrivedAt,
    };
    done();
  });
  app.addHook("onResponse", ({ traced }, { statusCode }, done) => {
    if (traced !== undefined) traces.answered(traced, statusCode);
    done();
  });
}
