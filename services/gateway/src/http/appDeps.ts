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
import type { AcceptRequest } from "../acceptRequest.ts";
import type { ApiKey } from "../apiKeys.ts";
import type { CancelTask } from "../cancelTask.ts";
import type { Forecast } from "../forecast.ts";
import type { makeHealth } from "../health.ts";
import type { ReadTask } from "../readTask.ts";
import type { StreamTask } from "../streamTask.ts";
import type { WaitForOutcome } from "../waitForOutcome.ts";

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

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
