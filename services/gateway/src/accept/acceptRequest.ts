/** A request becomes an event in the log; only its PubAck makes it accepted. Rules 1 and 12 of the design. */
import {
  AppendError,
  appendUntilStored,
  type Appender,
} from "@jetscribe/event-log/append/append";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import type { RecentlyStored } from "@jetscribe/event-log/state/recentlyStored";
import {
  evolve,
  isOpen,
  newTaskId,
  queueOf,
  repeatRequestForMs,
  type GenerateRequest,
  type Queue,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import { ApiError, unavailable } from "../apiError.ts";
import type { ApiKey } from "./apiKeys.ts";
import type { Idempotency } from "./idempotency.ts";
import type { Forecast } from "../forecast/forecast.ts";
import type { Limits } from "../admission/limits.ts";
import type { LogRoom } from "../admission/logRoom.ts";
import type { Models } from "./models.ts";
import { requestGenerate, type Defaults } from "./requestGenerate.ts";
import type { Storing } from "./storing.ts";
import type { WorkQueues } from "./workQueues.ts";

export interface AcceptDeps {
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
  idempotency: Idempotency;
  defaults: Omit<Defaults, "modelName">;
}

export interface AcceptOptions {
  traceparent?: string | undefined;
  idempotencyKey?: string | undefined;
}

export interface Accepted {
  taskId: string;
  /** As it was accepted; absent: an earlier call with the same idempotency key made the task. */
  task?: TaskState;
}

/** Rejects with an ApiError. */
export type AcceptRequest = (
  request: GenerateRequest,
  key: ApiKey,
  options: AcceptOptions,
) => Promise<Accepted>;

export function makeAcceptRequest(deps: AcceptDeps): AcceptRequest {
  const { broker, appender, queues, clock, forecast, recent, idempotency } =
    deps;
  const { timeoutMs, startTimeoutMs } = deps.defaults;

  return async function acceptRequest(request, key, options) {
    const { traceparent, idempotencyKey } = options;
    const call = idempotencyKey !== undefined && {
      owner: key.owner,
      key: idempotencyKey,
      request,
    };
    let keyed = call ? await idempotency.find(call) : undefined;
    if (keyed?.stored) return { taskId: keyed.taskId };
    const modelName = await deps.models.choose(request.model);
    const asked = { modelName, timeoutMs, startTimeoutMs };
    const nowMs = clock.nowMs();
    const taskId = keyed?.taskId ?? newTaskId(nowMs);
    const now = nowMs / 1_000;
    const event = requestGenerate(request, key, asked, { taskId, now });
    const queue = queueOf(event.data);
    deps.storing.check();
    using _room = await deps.room.take(event.data);
    await queues.ensure(queue);
    using reservation = await deps.limits.admit(queue);
    const wait = forecast.ofNext(queue);
    if (wait !== undefined) event.data.estimated_wait = wait;
    if (call) {
      keyed ??= await idempotency.take(call, taskId);
      // Another call took it.
      if (keyed === undefined)
        return await acceptRequest(request, key, options);
      if (elapsedMs() > keyed.storeUntil)
        throw unavailable("the gateway stood still meanwhile");
    }
    const { seq, duplicate } = await store(event, queue, traceparent).catch(
      (error: unknown) => {
        throw refusalOf(error, taskId);
      },
    );
    if (call) idempotency.stored(call, taskId);
    // A call with the same key was faster.
    if (call && duplicate) return { taskId };
    reservation.stored(seq);
    const task = evolve(undefined, { ...event, seq, time: now });
    if (task === undefined || !isOpen(task))
      throw new Error("a request makes a state");
    recent.noteAccepted(task);
    return { taskId, task };
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
