/** A request becomes an event in the log; only its PubAck makes it accepted. Rules 1 and 12 of the design. */
import {
  AppendError,
  appendUntilStored,
  whyTooLarge,
  type Appender,
} from "@jetscribe/event-log/append/append";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { RecentlyStored } from "@jetscribe/event-log/state/recentlyStored";
import {
  evolve,
  isOpen,
  newTaskId,
  queueOf,
  repeatRequestForMs,
  type GenerateRequest,
  type GroupPolicy,
  type OpenTask,
  type Queue,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import { ApiError, unavailable } from "../apiError.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { Forecast } from "../forecast/forecast.ts";
import type { Limits } from "../admission/limits.ts";
import type { LogRoom } from "../admission/logRoom.ts";
import type { Models } from "./models.ts";
import { requestGenerate, type Defaults } from "./requestGenerate.ts";
import type { Storing } from "./storing.ts";
import type { TraceCalls, TracedCall } from "./traceCalls.ts";
import type { WorkQueues } from "./workQueues.ts";

interface AcceptDeps {
  broker: Broker;
  appender: Appender;
  queues: Pick<WorkQueues, "ensure">;
  models: Pick<Models, "choose">;
  clock: Pick<BrokerClock, "nowMs">;
  forecast: Pick<Forecast, "ofNext">;
  limits: Pick<Limits, "admit">;
  room: Pick<LogRoom, "take">;
  storing: Pick<Storing, "check" | "note">;
  recent: Pick<RecentlyStored, "noteAccepted">;
  supersede: Supersede;
  /** Absent: no traces are asked for. */
  traces?: Pick<TraceCalls, "send"> | undefined;
  defaults: Omit<Defaults, "modelName">;
}

export interface AcceptOptions {
  traceparent?: string | undefined;
  /** Of a task whose id is decided; absent: a new one. */
  taskId?: string | undefined;
  /** The task that it repeats. */
  retryOf?: string | undefined;
  /** When the call came in, by `performance.now()`. */
  arrivedAt?: number | undefined;
  traced?: TracedCall | undefined;
  /** Asked right before the request is stored, when nothing else refuses it. False: it is not stored. */
  mayStore?: (taskId: string) => Promise<boolean>;
}

export interface Accepted {
  taskId: string;
  /** As it was accepted. */
  task: TaskState;
  /** The log had the request already. */
  duplicate: boolean;
}

/**
 * Cancels older tasks of a new one's group, as the policy says. Resolves once they have their outcomes, or after some
 * seconds, and then goes on with the others. It never rejects:
 * the new task is stored, and a worker cancels older ones that it is given.
 */
export type Supersede = (
  task: Pick<
    OpenTask,
    "task_id" | "seq" | "model" | "lane" | "group" | "traceparent"
  >,
  policy: GroupPolicy,
  key: ApiKey,
) => Promise<void>;

/** Undefined: `mayStore` said no. Rejects with an ApiError. */
export type AcceptRequest = (
  request: GenerateRequest,
  key: ApiKey,
  options: AcceptOptions,
) => Promise<Accepted | undefined>;

export function makeAcceptRequest(deps: AcceptDeps): AcceptRequest {
  const { broker, appender, queues, clock, forecast, recent } = deps;
  const { timeoutMs, startTimeoutMs, longestWaitMs } = deps.defaults;

  return async (request, key, options) => {
    const { traceparent, mayStore } = options;
    const modelName = await deps.models.choose(request.model);
    const asked = { modelName, timeoutMs, startTimeoutMs, longestWaitMs };
    const nowMs = clock.nowMs();
    const { taskId = newTaskId(nowMs), retryOf, arrivedAt } = options;
    const now = nowMs / 1_000;
    const agoMs = arrivedAt === undefined ? 0 : performance.now() - arrivedAt;
    const event = requestGenerate(request, key, asked, {
      ...{ taskId, retryOf, now, traceparent },
      receivedAt: agoMs < 1 ? undefined : (nowMs - agoMs) / 1_000,
    });
    const queue = queueOf(event.data);
    deps.storing.check();
    using _room = await deps.room.take(event.data);
    using reservation = await deps.limits.admit(queue, key, event.data);
    const { group_concurrency } = event.data;
    await queues.ensure(queue, group_concurrency);
    const { tokens } = reservation;
    if (tokens !== undefined) event.data.reserved_tokens = tokens;
    // What will be ahead of it at its not_before is not known, and by then it is ahead of nobody.
    const isScheduled = event.data.not_before !== undefined;
    const outlook = isScheduled
      ? undefined
      : forecast.ofNext(queue, group_concurrency);
    if (outlook !== undefined) {
      event.data.tasks_ahead = outlook.tasks_ahead;
      if (outlook.wait !== undefined) event.data.estimated_wait = outlook.wait;
    }
    if (mayStore) {
      const tooLarge = whyTooLarge(broker, appender.sizeOf(event, queue));
      if (tooLarge !== undefined) throw refusalOf(tooLarge, taskId);
      if (!(await mayStore(taskId))) return undefined;
    }
    const sending = deps.traces?.send(event.data, options.traced);
    const trace = sending?.traceparent ?? traceparent;
    const { seq, duplicate } = await store(event, queue, trace).catch(
      (error: unknown) => {
        sending?.end(error instanceof AppendError ? error.code : "_OTHER");
        throw refusalOf(error, taskId);
      },
    );
    sending?.end();
    reservation.stored(seq);
    const task = evolve(undefined, { ...event, seq, time: now });
    if (task === undefined || !isOpen(task))
      throw new Error("a request makes a state");
    recent.noteAccepted(task);
    const { group_policy } = event.data;
    if (group_policy !== undefined)
      await deps.supersede(task, group_policy, key);
    return { taskId, task, duplicate };
  };

  async function store(event: TaskEvent, queue: Queue, traceparent?: string) {
    try {
      const appended = await appender.append(event, queue, { traceparent });
      deps.storing.note(true);
      return appended;
    } catch (error) {
      if (!(error instanceof AppendError) || error.code !== "unknown")
        throw error;
      deps.storing.note(!broker.connected);
      // Under the same message id, so that the log takes it once.
      const signal = AbortSignal.timeout(repeatRequestForMs);
      const again = { signal, traceparent };
      return await appendUntilStored(
        broker,
        appender,
        event,
        queue,
        again,
      ).catch(() => {
        throw error;
      });
    }
  }
}

function refusalOf(error: unknown, taskId: string): unknown {
  if (!(error instanceof AppendError)) return error;
  switch (error.code) {
    case "too_large":
      return new ApiError("too_large", error.message, { cause: error });
    case "unknown":
      return new ApiError(
        "maybe_accepted",
        "the broker did not answer in time: the request may have been accepted; GET /result of its task_id tells",
        { taskId, retryAfterS: 2, cause: error },
      );
    case "unavailable":
    case "full":
    case "refused":
      return unavailable(refusals[error.code], error);
  }
}

const refusals = {
  unavailable: "the broker can't be reached",
  full: "the broker has no space left",
  refused: "the broker refused the request",
};
