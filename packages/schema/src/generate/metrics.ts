import type { DurationKind } from "../api/statistics.ts";
import type { Metrics } from "./events.ts";
import type { TaskState } from "./task.ts";

/** When the parts of a task's life happened, in seconds since the epoch, by the clocks of those who saw them. */
export interface TaskTimes {
  enqueue: number;
  /** The first start over all attempts; undefined: never started. */
  firstStart?: number | undefined;
  firstToken?: number | undefined;
  outcome: number;
}

/** The times of a task whose outcome comes `now`, in seconds since the epoch. */
export const timesOf = (
  task: Pick<TaskState, "enqueue_time" | "first_start">,
  now: number,
  firstToken?: number,
): TaskTimes => ({
  enqueue: task.enqueue_time,
  firstStart: task.first_start,
  firstToken,
  outcome: now,
});

/** Several clocks are involved, so no difference is let below 0. */
const between = (from: number, to: number): number => Math.max(0, to - from);

/** The metrics of an outcome. total_time is the float sum of the other two, and tokens_per_second the exact quotient. */
export function metricsOf(
  times: TaskTimes,
  promptTokens: number,
  completionTokens: number,
): Metrics {
  const { enqueue, firstStart, firstToken, outcome } = times;
  const queue_wait_time = between(enqueue, firstStart ?? outcome);
  const processing_time =
    firstStart === undefined ? 0 : between(firstStart, outcome);
  return {
    queue_wait_time,
    processing_time,
    total_time: queue_wait_time + processing_time,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    tokens_per_second:
      processing_time > 0 ? completionTokens / processing_time : 0,
    ...(firstStart !== undefined &&
      firstToken !== undefined && {
        time_to_first_token: between(firstStart, firstToken),
      }),
  };
}

/** From when on a task waits for a worker: its acceptance, or its `not_before` where that is later. Seconds since the epoch. */
export const waitsFrom = ({
  enqueue_time,
  not_before = enqueue_time,
}: Pick<TaskState, "enqueue_time" | "not_before">): number =>
  Math.max(enqueue_time, not_before);

/**
 * How long the parts of an ended task took, in seconds, none below 0, as statistics and metrics tell it. `scheduledS`:
 * from its acceptance until it waited for a worker. A task that never started has a total alone.
 */
export function durationsOf(
  metrics: Pick<
    Metrics,
    "queue_wait_time" | "processing_time" | "time_to_first_token"
  >,
  { scheduledS, wasStarted }: { scheduledS: number; wasStarted: boolean },
): Record<DurationKind, number | undefined> & { total: number } {
  const { processing_time, time_to_first_token } = metrics;
  const wait = between(scheduledS, metrics.queue_wait_time);
  return {
    wait: wasStarted ? wait : undefined,
    first_token: wasStarted ? time_to_first_token : undefined,
    processing: wasStarted ? processing_time : undefined,
    total: wait + processing_time,
  };
}
