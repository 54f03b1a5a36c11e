/** A path that is not there is a 404; one that takes other methods a 405 that names them. */
import { ApiError } from "../apiError.ts";
import type { App } from "./appDeps.ts";

/** Of all routes that are registered from now on. Refuses before a body is read. */
export function refuseOtherRoutes(app: App): void {
  const routes: { path: RegExp; methods: readonly string[] }[] = [];
  app.addHook("onRoute", ({ url, method }) => {
    // The preflights of CORS, which are answered for every path.
    if (url !== "*")
      routes.push({ path: pathOf(url), methods: [method].flat() });
  });
  app.addHook("onRequest", ({ is404, url, method }, _reply, done) => {
    if (!is404) return done();
    const [path = ""] = url.split("?");
    const known = routes.filter((route) => route.path.test(path));
    const allowed = new Set(known.flatMap(({ methods }) => methods));
    if (allowed.size === 0)
      return done(
        new ApiError("not_found", "there is no such route; see /docs"),
      );
    const allow = [...allowed].sort().join(", ");
    done(
      new ApiError(
        "method_not_allowed",
        `this path takes ${allow}, not ${method}`,
        { headers: { allow } },
      ),
    );
  });
}

/** The paths of a route: as fastify matches them, with any slashes doubled and one at the end. */
function pathOf(url: string): RegExp {
  const parts = url.split("/").filter((part) => part !== "");
  const pattern = parts.map((part) => {
    if (part.startsWith(":")) return "[^/]+";
    return part === "*" ? ".*" : RegExp.escape(part);
  });
  return new RegExp(`^/+${pattern.join("/+")}/*$`);
}
