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
