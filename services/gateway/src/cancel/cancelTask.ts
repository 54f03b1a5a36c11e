/** A cancel is an outcome like any other: the broker decides its race against completion. Rule 5 of the design. */
import {
  appendUntilStored,
  type Appender,
} from "@jetscribe/event-log/append/append";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { eventAt } from "@jetscribe/event-log/broker/streamState";
import type { RecentlyStored } from "@jetscribe/event-log/state/recentlyStored";
import type { TraceparentOf } from "@jetscribe/runtime";
import type { ReadText } from "@jetscribe/event-log/tokens/textReader";
import { streamedSoFar } from "@jetscribe/event-log/tokens/tokens";
import {
  cancelReasons,
  isOpen,
  joinChunks,
  metricsOf,
  queueOf,
  repeatCancelForMs,
  timesOf,
  type JoinedText,
  type OpenTask,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import { ApiError, unavailable } from "../apiError.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { ReadTask } from "../read/readTask.ts";

type Cancelled = Extract<TaskEvent, { type: "GenerateCancelled" }>;

/**
 * Resolves once the task is cancelled, or where `applies` says that it need not be; rejects with an ApiError where it has
 * another outcome.
 */
export type CancelTask = (
  task: Pick<TaskState, "task_id">,
  key: Pick<ApiKey, "name" | "owner">,
  options?: {
    because?: keyof typeof cancelReasons;
    /** Of the task as it surely is now. */
    applies?: (task: OpenTask) => boolean;
  },
) => Promise<void>;

export function makeCancelTask(
  broker: Broker,
  appender: Appender,
  clock: Pick<BrokerClock, "nowS">,
  /** As the log has it now: an outcome follows only a task that was surely open. */
  readSurely: ReadTask,
  recent: Pick<RecentlyStored, "noteOutcome">,
  readText: ReadText,
  traceparentOf: TraceparentOf = (task) => task.traceparent,
): CancelTask {
  async function store(
    task: OpenTask,
    by: Pick<Cancelled["data"], "by" | "reason">,
    signal: AbortSignal,
  ) {
    const text =
      task.status === "queued"
        ? joinChunks([])
        : await streamedSoFar(broker, task.task_id, signal, readText);
    const event = cancelled(task, { ...by, text, now: clock.nowS() });
    return await appendUntilStored(broker, appender, event, queueOf(task), {
      signal,
      traceparent: traceparentOf(task),
      task,
    });
  }

  return async (found, { name: by, owner }, options = {}) => {
    const { because = "asked", applies = () => true } = options;
    const task = await readSurely(found.task_id, owner);
    if (task === undefined) throw new ApiError("not_found", "no such task");
    if (!isOpen(task)) {
      if (task.status === "cancelled") return;
      throw new ApiError("already_ended", `the task is ${task.status}`);
    }
    if (!applies(task)) return;
    const signal = AbortSignal.timeout(repeatCancelForMs);
    const said = { by, reason: cancelReasons[because] };
    const { seq, duplicate } = await store(task, said, signal).catch(
      (cause: unknown) => {
        throw unavailable("the broker did not take the cancel in time", cause);
      },
    );
    recent.noteOutcome(task.task_id, seq);
    if (duplicate && !(await isCancel(broker, seq)))
      throw new ApiError("already_ended", "the task has its outcome");
  };
}

function cancelled(
  task: OpenTask,
  {
    by,
    reason,
    text: joined,
    now,
  }: Pick<Cancelled["data"], "by" | "reason"> & {
    text: JoinedText;
    now: number;
  },
): Cancelled {
  const { text, prompt_tokens, completion_tokens } = joined;
  const { task_id, status } = task;
  return {
    type: "GenerateCancelled",
    data: {
      task_id,
      by,
      reason,
      stage: status,
      ...(text !== "" && { partial_text: text }),
      metrics: metricsOf(timesOf(task, now), prompt_tokens, completion_tokens),
    },
  };
}

/** Whether the outcome that stands in the log is a cancel: ours, or that of somebody with the same wish. */
async function isCancel(broker: Broker, seq: number): Promise<boolean> {
  const event = await eventAt(broker, seq).catch((cause: unknown) => {
    throw unavailable("the outcome can't be read", cause);
  });
  return event?.type === "GenerateCancelled";
}
