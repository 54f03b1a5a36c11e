/** Events of tasks for the tests of all packages; `over` replaces fields of their data. */
import type { Metrics, TaskEvent } from "../src/generate/events.ts";
import { newTaskId } from "../src/generate/taskId.ts";
import type { Queue } from "../src/generate/subjects.ts";

type EventOf<Type extends TaskEvent["type"]> = Extract<
  TaskEvent,
  { type: Type }
>;

export const queue: Queue = { model: "demo", lane: "interactive", owner: "a" };

export const metrics: Metrics = {
  queue_wait_time: 2,
  processing_time: 5,
  total_time: 7,
  prompt_tokens: 50,
  completion_tokens: 200,
  tokens_per_second: 40,
};

/** In `queue`, unless `over` names another one. */
export const requested = (
  task_id = newTaskId(),
  over: Partial<EventOf<"GenerateRequested">["data"]> = {},
): EventOf<"GenerateRequested"> => ({
  type: "GenerateRequested",
  data: {
    task_id,
    ...queue,
    prompt: "a secret prompt",
    params: { max_tokens: 16, temperature: 0.7, top_p: 0.9 },
    timeout_ms: 300_000,
    start_timeout_ms: 1_000_000,
    enqueue_time: Date.now() / 1_000,
    ...over,
  },
});

const run = (task_id: string, attempt: number) => ({
  task_id,
  attempt,
  worker_id: `w${attempt}`,
});

export const started = (
  task_id: string,
  attempt = 1,
  over: Partial<EventOf<"GenerateStarted">["data"]> = {},
): TaskEvent => ({
  type: "GenerateStarted",
  data: {
    ...run(task_id, attempt),
    start_time: Date.now() / 1_000,
    queue_wait_time: 2,
    ...over,
  },
});

export const retried = (
  task_id: string,
  attempt = 1,
  over: Partial<EventOf<"GenerateRetried">["data"]> = {},
): TaskEvent => ({
  type: "GenerateRetried",
  data: {
    ...run(task_id, attempt),
    reason: "crash",
    error: { type: "EngineDied", message: "it died" },
    retry_at: Date.now() / 1_000,
    ...over,
  },
});

export const completed = (
  task_id: string,
  attempt = 1,
  over: Partial<EventOf<"GenerateCompleted">["data"]> = {},
): TaskEvent => ({
  type: "GenerateCompleted",
  data: {
    ...run(task_id, attempt),
    result: "the result",
    finish_reason: "stop",
    metrics,
    ...over,
  },
});

export const failed = (
  task_id: string,
  attempt = 1,
  over: Partial<EventOf<"GenerateFailed">["data"]> = {},
): TaskEvent => ({
  type: "GenerateFailed",
  data: {
    ...run(task_id, attempt),
    error: {
      type: "TimeoutError",
      message: "too slow",
      traceback: "Error: too slow\n    at engine",
    },
    metrics,
    ...over,
  },
});

export const cancelled = (
  task_id: string,
  over: Partial<EventOf<"GenerateCancelled">["data"]> = {},
): TaskEvent => ({
  type: "GenerateCancelled",
  data: {
    task_id,
    by: "a",
    reason: "request",
    stage: "queued",
    metrics,
    ...over,
  },
});
