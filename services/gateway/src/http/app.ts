/** The REST interface as routes; it never listens. */
import { fastifySSE } from "@fastify/sse";
import fastify, { type FastifyReply } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { App, AppDeps } from "./appDeps.ts";
import { requireKey } from "./auth.ts";
import { limitBodies, type BodyLimits } from "./bodiesInFlight.ts";
import { readJson, readNoBody } from "./body.ts";
import { closeConnections } from "./closeConnections.ts";
import { allowOrigins, type CorsOrigins } from "./cors.ts";
import { addDocs } from "./docs.ts";
import { dropUnreadBodies } from "./unreadBodies.ts";
import { refuseOtherRoutes } from "./noSuchRoute.ts";
import { makeErrorHandler, problemOf, sendProblem } from "./problem.ts";
import { generateRoute } from "./routes/generate.ts";
import { cancelRoute } from "./routes/cancel.ts";
import { healthRoutes } from "./routes/health.ts";
import { resultRoute } from "./routes/result.ts";
import { statusRoute } from "./routes/status.ts";
import { streamRoute } from "./routes/stream.ts";
import { answerForServer, refuseBrokenRequest } from "./serverErrors.ts";
import { validatorCompiler } from "./validate.ts";

export interface AppOptions extends BodyLimits {
  trustProxy: boolean | number | string[];
  /** The path that a proxy serves it under, as `/llm`; "": none. */
  publicPath?: string;
  /** The origins whose pages may call; none: no page of another origin. */
  corsOrigins?: CorsOrigins;
  /** A request has to come to its end within so long. */
  requestTimeoutMs?: number;
}

/** Proxies end connections on which nothing comes for a minute or so. */
const keepAliveMs = 15_000;

export async function buildApp(
  deps: AppDeps,
  options: AppOptions,
): Promise<App> {
  const { trustProxy, publicPath = "", requestTimeoutMs = 60_000 } = options;
  const app: App = fastify({
    bodyLimit: options.bodyLimit,
    trustProxy:
      typeof trustProxy === "number"
        ? (_address, hop) => hop < trustProxy
        : trustProxy,
    logger: false,
    requestTimeout: requestTimeoutMs,
    // What Node and fastify would answer themselves is answered by `answerForServer`.
    http: {
      requireHostHeader: false,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(requestTimeoutMs, 5_000),
    },
    return503OnClosing: false,
    clientErrorHandler: refuseBrokenRequest,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    ...(publicPath !== "" && { rewriteUrl: withoutPrefix(publicPath) }),
    // A path that can't be decoded, a parameter that is too long: answered as everything else.
    frameworkErrors: (error, _request, reply: FastifyReply) =>
      sendProblem(reply, problemOf(error)),
  }).withTypeProvider<ZodTypeProvider>();
  // Whoever came over TLS, as a proxy says that we believe, comes so from now on.
  if (trustProxy !== false)
    app.addHook("onRequest", (request, reply, done) => {
      if (request.protocol === "https")
        reply.header("strict-transport-security", "max-age=31536000");
      done();
    });
  await allowOrigins(app, options.corsOrigins ?? []);
  answerForServer(app);
  closeConnections(app, deps.stopping);
  refuseOtherRoutes(app);
  readJson(app);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(makeErrorHandler(deps.log));
  await addDocs(app, publicPath);
  await app.register(fastifySSE, {
    heartbeatInterval: keepAliveMs,
    serializer: inOneLine,
  });

  healthRoutes(app, deps);
  await within(app, (closed) => {
    requireKey(closed, deps.keys);
    void within(closed, (large) => {
      limitBodies(large, options);
      generateRoute(large, deps, publicPath);
    });
    resultRoute(closed, deps);
    statusRoute(closed, deps);
    streamRoute(closed, deps);
    void within(closed, (bodiless) => {
      readNoBody(bodiless);
      dropUnreadBodies(bodiless);
      cancelRoute(bodiless, deps);
    });
  });
  return app;
}

/** fastify's `rewriteUrl`. Some proxies take the prefix off, others don't: it is served with and without. */
const withoutPrefix =
  (prefix: string) =>
  ({ url = "/" }: { url?: string | undefined }): string => {
    const rest = url.slice(prefix.length);
    if (!url.startsWith(prefix) || !/^([/?]|$)/.test(rest)) return url;
    return rest.startsWith("/") ? rest : `/${rest}`;
  };

/** Routes in a scope of their own, which has the hooks of the one around it. */
const within = (app: App, addRoutes: (scope: App) => void) =>
  app.register((scope, _options, done) => {
    addRoutes(scope.withTypeProvider<ZodTypeProvider>());
    done();
  });

/** JSON without the line ends that it may hold: some readers of streams, as Python's, take them for ends of lines. */
const inOneLine = (data: unknown): string =>
  JSON.stringify(data).replace(
    /[\u0085\u2028\u2029]/g,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
