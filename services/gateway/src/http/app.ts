/** The REST interface as routes; it never listens. */
import type { Logger } from "@jetscribe/runtime";
import { fastifySSE } from "@fastify/sse";
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type RawServerDefault,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { IncomingMessage, ServerResponse } from "node:http";
import { ApiError } from "../apiError.ts";
import type { CancelTask } from "../cancelTask.ts";
import type { AcceptRequest } from "../acceptRequest.ts";
import type { ApiKey } from "../apiKeys.ts";
import type { Forecast } from "../forecast.ts";
import type { makeHealth } from "../health.ts";
import type { ReadTask } from "../readTask.ts";
import type { StreamTask } from "../streamTask.ts";
import type { WaitForOutcome } from "../waitForOutcome.ts";
import type { TaskReader } from "@jetscribe/task-store";
import { requireKey } from "./auth.ts";
import { limitBodies, type BodyLimits } from "./bodiesInFlight.ts";
import { closeConnections } from "./closeConnections.ts";
import { addDocs } from "./docs.ts";
import { makeErrorHandler, problemOf, sendProblem } from "./problem.ts";
import { generateRoute } from "./routes/generate.ts";
import { cancelRoute } from "./routes/cancel.ts";
import { healthRoutes } from "./routes/health.ts";
import { resultRoute } from "./routes/result.ts";
import { statusRoute } from "./routes/status.ts";
import { streamRoute } from "./routes/stream.ts";
import { validatorCompiler } from "./validate.ts";

export interface AppDeps {
  keys: readonly ApiKey[];
  acceptRequest: AcceptRequest;
  readTask: ReadTask;
  waitForOutcome: WaitForOutcome;
  streamTask: StreamTask;
  cancelTask: CancelTask;
  places: TaskReader["places"];
  forecast: Pick<Forecast, "of">;
  health: ReturnType<typeof makeHealth>;
  /** Why this gateway should get no calls now; undefined: it may. */
  unready: () => string | undefined;
  /** Aborts when the service is to stop. */
  stopping: AbortSignal;
  log: Logger;
}

export interface AppOptions extends BodyLimits {
  trustProxy: boolean | number | string[];
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** Proxies end connections on which nothing comes for a minute or so. */
const keepAliveMs = 15_000;

export async function buildApp(
  deps: AppDeps,
  { trustProxy, ...bodies }: AppOptions,
): Promise<App> {
  const app: App = fastify({
    bodyLimit: bodies.bodyLimit,
    trustProxy:
      typeof trustProxy === "number"
        ? (_address, hop) => hop < trustProxy
        : trustProxy,
    logger: false,
    requestTimeout: 60_000,
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
  closeConnections(app, deps.stopping);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler(makeErrorHandler(deps.log));
  app.setNotFoundHandler(() => {
    throw new ApiError("not_found", "there is no such route; see /docs");
  });
  await addDocs(app);
  await app.register(fastifySSE, { heartbeatInterval: keepAliveMs });

  healthRoutes(app, deps);
  await app.register((open, _options, done) => {
    const closed = open.withTypeProvider<ZodTypeProvider>();
    requireKey(closed, deps.keys);
    limitBodies(closed, bodies);
    generateRoute(closed, deps);
    resultRoute(closed, deps);
    statusRoute(closed, deps);
    streamRoute(closed, deps);
    cancelRoute(closed, deps);
    done();
  });
  return app;
}
