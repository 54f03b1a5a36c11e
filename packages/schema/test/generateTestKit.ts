/** Events of one task for tests. */
import type {
  GenerateFailed,
  Metrics,
  RecordedEvent,
  TaskEvent,
} from "../src/generate/events.ts";
import { evolve, type TaskState } from "../src/generate/task.ts";

export const task_id = "019ab5e2-7c00-7000-8000-0000000000a1";
export const metrics: Metrics = {
  queue_wait_time: 1,
  processing_time: 2,
  total_time: 3,
  prompt_tokens: 4,
  completion_tokens: 5,
  tokens_per_second: 2.5,
};

export const requested: TaskEvent = {
  type: "GenerateRequested",
  data: {
    task_id,
    model: "demo",
    lane: "interactive",
    owner: "default",
    prompt: "secret",
    params: { max_tokens: 1, temperature: 0, top_p: 1 },
    timeout_ms: 300_000,
    start_timeout_ms: 600_000,
    enqueue_time: 1_000,
  },
};
export const started = (
  attempt: number,
  start_time = 1_000 + attempt,
): TaskEvent => ({
  type: "GenerateStarted",
  data: {
    ...{ task_id, attempt, start_time, queue_wait_time: 1 },
    worker_id: `w${attempt}`,
  },
});
export const reasons = ["crash", "hang", "gone", "drain", "lease"] as const;
export const retried = (
  attempt: number,
  reason: (typeof reasons)[number],
): TaskEvent => ({
  type: "GenerateRetried",
  data: {
    ...{ task_id, attempt, reason, retry_at: 1_000 },
    worker_id: `w${attempt}`,
    error: { type: "Error", message: "why" },
  },
});
export const completed = (attempt: number): TaskEvent => ({
  type: "GenerateCompleted",
  data: {
    ...{ task_id, attempt, metrics, result: `of ${attempt}` },
    ...{ worker_id: `w${attempt}`, finish_reason: "stop" },
  },
});
const error: GenerateFailed["error"] = {
  ...{ type: "RuntimeError", message: "why", traceback: "at secret" },
};
export const failed = (attempt: number): TaskEvent => ({
  type: "GenerateFailed",
  data: { task_id, attempt, metrics, error },
});
export const cancelled: TaskEvent = {
  type: "GenerateCancelled",
  data: { task_id, metrics, by: "default", reason: "", stage: "queued" },
};

/** As the log gives them: with sequences that rise. */
export const record = (events: TaskEvent[]): RecordedEvent[] =>
  events.map((event, i) => ({ ...event, seq: 10 + i, time: 2_000 + i }));

/** The state after each event. */
export function statesOf(events: RecordedEvent[]): (TaskState | undefined)[] {
  let state: TaskState | undefined;
  return events.map((event) => (state = evolve(state, event)));
}
