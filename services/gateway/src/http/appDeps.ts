/** What the routes are made of: the application that they are added to, and the functions that they call. */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
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
import type { AcceptBatch } from "../accept/acceptBatch.ts";
import type { RetryTask } from "../accept/retryTask.ts";
import type { TraceCalls } from "../accept/traceCalls.ts";
import type { Audit } from "../audit/audit.ts";
import type { AuthThrottle } from "../admission/authThrottle.ts";
import type { Limits } from "../admission/limits.ts";
import type { RequestRates } from "../admission/requestRates.ts";
import type { ManageKeys } from "../keys/manageKeys.ts";
import type { ReadTokens } from "../keys/readTokens.ts";
import type { CallKeys } from "./auth.ts";
import type { Models } from "../accept/models.ts";
import type { CancelTask } from "../cancel/cancelTask.ts";
import type { Feed } from "../feed/feed.ts";
import type { Forecast } from "../forecast/forecast.ts";
import type { makeHealth } from "../health/health.ts";
import type { ActOnTasks } from "../list/actOnTasks.ts";
import type { Lists } from "../list/listTasks.ts";
import type { Past } from "../past/past.ts";
import type { CallCounts } from "../metrics/callCounts.ts";
import type { Scrape } from "../metrics/scrape.ts";
import type { ReadHistory, ReadTask } from "../read/readTask.ts";
import type { Statistics } from "../statistics/readStatistics.ts";
import type { StreamTask } from "../stream/streamTask.ts";
import type { WorkerMemory } from "../health/workerMemory.ts";
import type { Webhooks } from "../webhooks/webhooks.ts";
import type { WaitForOutcome } from "../read/waitForOutcome.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** The path that a proxy serves the app under, as `/llm`; "": none. */
    publicPath: string;
  }
}

export interface AppDeps {
  keys: CallKeys;
  manageKeys: ManageKeys;
  readTokens: Pick<ReadTokens, "sign" | "signLink">;
  throttle: AuthThrottle;
  rates: RequestRates;
  limits: Pick<Limits, "standing" | "refusalOfAny">;
  acceptOnce: AcceptOnce;
  models: Pick<Models, "choose" | "names">;
  readTask: ReadTask;
  readSurely: ReadTask;
  readHistory: ReadHistory;
  audit: Audit;
  acceptBatch: AcceptBatch;
  retryTask: RetryTask;
  waitForOutcome: WaitForOutcome;
  streamTask: StreamTask;
  cancelTask: CancelTask;
  listTasks: Lists["listTasks"];
  cancelTasks: ActOnTasks["cancelTasks"];
  retryTasks: ActOnTasks["retryTasks"];
  past: Past;
  openFeed: Feed["open"];
  readStatistics: Statistics["read"];
  /** False: no lost worker has the id. */
  dismissWorker: WorkerMemory["dismiss"];
  scrape: Scrape;
  calls: Pick<CallCounts, "of">;
  places: TaskReader["places"];
  forecast: Pick<Forecast, "of">;
  webhooks: Webhooks;
  clock: Pick<BrokerClock, "nowS">;
  health: ReturnType<typeof makeHealth>;
  /** Why this gateway should get no calls now; undefined: it may. */
  unready: () => string | undefined;
  /** Aborts when the service is to stop. */
  stopping: AbortSignal;
  /** Absent: no traces are asked for. */
  traces?: TraceCalls | undefined;
  log: Logger;
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
