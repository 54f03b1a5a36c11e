/** What the routes are made of: the application that they are added to, and the functions that they call. */
import type { Logger } from "@jetscribe/runtime";
import type { TaskReader } from "@jetscribe/task-store";
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawServerDefault,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AcceptOnce } from "../accept/acceptOnce.ts";
import type { ApiKey } from "../accept/apiKeys.ts";
import type { CancelTask } from "../cancel/cancelTask.ts";
import type { Forecast } from "../forecast/forecast.ts";
import type { makeHealth } from "../health/health.ts";
import type { ReadTask } from "../read/readTask.ts";
import type { StreamTask } from "../stream/streamTask.ts";
import type { WaitForOutcome } from "../read/waitForOutcome.ts";

export interface AppDeps {
  keys: readonly ApiKey[];
  acceptOnce: AcceptOnce;
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

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
