/** Every answer of a route counts for the metrics, also one that was broken off. */
import type { CallCounts } from "../metrics/callCounts.ts";
import type { App } from "./appDeps.ts";

/** Of all routes that are registered from now on. */
export function countCalls(app: App, calls: Pick<CallCounts, "of">): void {
  // Each route has a hook of its own: asking a request for its route makes an object each time.
  app.addHook("onRoute", (route) => {
    const count = calls.of(route.url);
    const before = [route.onResponse ?? []].flat();
    route.onResponse = [
      ...before,
      ({ method }, reply, done) => {
        count(method, reply.statusCode);
        done();
      },
    ];
  });
  const countOther = calls.of("none");
  app.addHook("onResponse", ({ method, is404 }, reply, done) => {
    if (is404) countOther(method, reply.statusCode);
    done();
  });
}
