/** Events of one task for tests. */
import type { RecordedEvent, TaskEvent } from "../src/generate/events.ts";
import { evolve, type TaskState } from "../src/generate/task.ts";
import * as events from "./taskEventsTestKit.ts";

export const task_id = "019ab5e2-7c00-7000-8000-0000000000a1";
export { metrics } from "./taskEventsTestKit.ts";

export const requested = events.requested(task_id, {
  owner: "default",
  prompt: "secret",
  params: { max_tokens: 1, temperature: 0, top_p: 1 },
  start_timeout_ms: 600_000,
  enqueue_time: 1_000,
});
export const started = (attempt: number, start_time = 1_000 + attempt) =>
  events.started(task_id, attempt, { start_time, queue_wait_time: 1 });
export const reasons = ["crash", "hang", "gone", "drain", "lease"] as const;
export const retried = (attempt: number, reason: (typeof reasons)[number]) =>
  events.retried(task_id, attempt, { reason, retry_at: 1_000 });
export const completed = (attempt: number) =>
  events.completed(task_id, attempt, { result: `of ${attempt}` });
export const failed = (attempt: number) => {
  const error = {
    type: "RuntimeError",
    message: "why",
    traceback: "at secret",
  } as const;
  return events.failed(task_id, attempt, { error });
};
export const cancelled = events.cancelled(task_id, {
  by: "default",
  reason: "",
});

/** As the log gives them: with sequences that rise. */
export const record = (events: TaskEvent[]): RecordedEvent[] =>
  events.map((event, i) => ({ ...event, seq: 10 + i, time: 2_000 + i }));

/** The state after each event. */
export function statesOf(events: RecordedEvent[]): (TaskState | undefined)[] {
  let state: TaskState | undefined;
  return events.map((event) => (state = evolve(state, event)));
}
