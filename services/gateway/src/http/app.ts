/** The REST interface as routes; it never listens. */
import { fastifySSE } from "@fastify/sse";
import fastify, { type FastifyReply } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { App, AppDeps } from "./appDeps.ts";
import { noteArrivals } from "./accepted.ts";
import { asyncApiOf, asyncApiRoute } from "./asyncapi.ts";
import { requireKey } from "./auth.ts";
import type { BodyLimits } from "../admission/bodyRoom.ts";
import { limitBodies } from "./bodiesInFlight.ts";
import { readJson, readNoBody } from "./body.ts";
import { closeConnections } from "./closeConnections.ts";
import { leadToDashboard } from "./dashboardPort.ts";
import { allowOrigins, type CorsOrigins } from "./cors.ts";
import { limitRequests } from "./limitRequests.ts";
import { countCalls } from "./countCalls.ts";
import { describeRoutes } from "./openapi.ts";
import { dropUnreadBodies } from "./unreadBodies.ts";
import { refuseWhenFull } from "./refuseWhenFull.ts";
import { refuseOtherRoutes } from "./noSuchRoute.ts";
import { changelogPage } from "./pages/changelogPage.ts";
import { dashboardPage } from "./pages/dashboardPage.ts";
import { docsPage } from "./pages/docsPage.ts";
import { eventsPage } from "./pages/eventsPage.ts";
import { pageFiles } from "./pages/page.ts";
import { problemPages } from "./pages/problemPages.ts";
import { actOnTasksRoutes } from "./routes/actOnTasks.ts";
import { makeErrorHandler, sendRefusal } from "./sendRefusal.ts";
import { generateRoute } from "./routes/generate.ts";
import { generateBatchRoute } from "./routes/generateBatch.ts";
import { eventsRoute } from "./routes/events.ts";
import { feedRoute } from "./routes/feed.ts";
import { cancelRoute } from "./routes/cancel.ts";
import { healthRoutes } from "./routes/health.ts";
import { keyRoutes, revokeKeyRoute } from "./routes/adminKeys.ts";
import { listTasksRoute } from "./routes/listTasks.ts";
import { logRoutes } from "./routes/log.ts";
import { keyLimitsRoute, limitsRoute } from "./routes/limits.ts";
import { linkRoutes } from "./routes/links.ts";
import { readTokenRoute } from "./routes/readToken.ts";
import { metricsRoute } from "./routes/metrics.ts";
import { openaiRoutes } from "./routes/openai.ts";
import { resultRoute } from "./routes/result.ts";
import { retryRoute } from "./routes/retry.ts";
import { statisticsRoute } from "./routes/statistics.ts";
import { statusRoute } from "./routes/status.ts";
import { streamRoute } from "./routes/stream.ts";
import { resendWebhookRoute, webhookRoutes } from "./routes/webhooks.ts";
import { noteTracedCalls } from "./tracedCalls.ts";
import { dismissWorkerRoute } from "./routes/workers.ts";
import { answerForServer, refuseBrokenRequest } from "./serverErrors.ts";
import { validatorCompiler } from "./validate.ts";
import { inOneLine } from "../stream/inOneLine.ts";

export interface AppOptions extends BodyLimits {
  trustProxy: boolean | number | string[];
  /** The path that a proxy serves it under, as `/llm`; "": none. */
  publicPath?: string;
  /** Stands before all names of the system on the broker; absent: nothing does. */
  namespace?: string | undefined;
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
      sendRefusal(reply, error),
  }).withTypeProvider<ZodTypeProvider>();
  app.decorate("publicPath", publicPath);
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
  countCalls(app, deps.calls);
  leadToDashboard(app);
  refuseOtherRoutes(app);
  readJson(app);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(makeErrorHandler(deps.log));
  await describeRoutes(app);
  pageFiles(app);
  docsPage(app);
  changelogPage(app);
  const events = asyncApiOf(options.namespace);
  asyncApiRoute(app, events);
  eventsPage(app, events);
  problemPages(app);
  dashboardPage(app);
  await app.register(fastifySSE, {
    heartbeatInterval: keepAliveMs,
    serializer: inOneLine,
  });

  healthRoutes(app, deps);
  await within(app, (closed) => {
    requireKey(closed, deps.keys, deps.throttle);
    limitRequests(closed, deps.rates);
    void within(closed, (large) => {
      noteArrivals(large);
      noteTracedCalls(large, deps.traces);
      limitBodies(large, options);
      generateBatchRoute(large, deps);
      retryRoute(large, deps);
      void within(large, (single) => {
        refuseWhenFull(single, deps.limits);
        generateRoute(single, deps);
        openaiRoutes(single, deps);
      });
    });
    keyRoutes(closed, deps);
    resultRoute(closed, deps);
    readTokenRoute(closed, deps);
    linkRoutes(closed, deps);
    statusRoute(closed, deps);
    eventsRoute(closed, deps);
    limitsRoute(closed, deps);
    metricsRoute(closed, deps);
    keyLimitsRoute(closed, deps);
    streamRoute(closed, deps);
    feedRoute(closed, deps);
    logRoutes(closed, deps);
    statisticsRoute(closed, deps);
    listTasksRoute(closed, deps);
    actOnTasksRoutes(closed, deps);
    webhookRoutes(closed, deps);
    void within(closed, (bodiless) => {
      readNoBody(bodiless);
      dropUnreadBodies(bodiless);
      cancelRoute(bodiless, deps);
      revokeKeyRoute(bodiless, deps);
      resendWebhookRoute(bodiless, deps);
      dismissWorkerRoute(bodiless, deps);
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
