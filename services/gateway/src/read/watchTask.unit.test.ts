import type { OpenTask, TaskState } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { isLater, progressed } from "./watchTask.ts";

const queued: OpenTask = {
  ...{ task_id: "t", seq: 1, model: "demo", lane: "interactive", owner: "a" },
  ...{ enqueue_time: 1, timeout_ms: 1, start_timeout_ms: 1, max_tokens: 16 },
  ...{ status: "queued", attempt: 0, failures: 0 },
};

function next(task: OpenTask, ...hint: Parameters<typeof progressed>[1][]) {
  return hint.reduce<OpenTask>((now, type) => {
    const attempt = type === "GenerateStarted" ? now.attempt + 1 : now.attempt;
    return progressed(now, type, attempt);
  }, task);
}

test("a reading counts only where it is past what is known, in whichever order readings come", () => {
  const life: TaskState[] = [
    queued,
    next(queued, "GenerateStarted"),
    next(queued, "GenerateStarted", "GenerateRetried"),
    next(queued, "GenerateStarted", "GenerateRetried", "GenerateStarted"),
    {
      ...{ ...queued, status: "cancelled", end_time: 2, end_seq: 9 },
      metrics: {
        ...{ queue_wait_time: 0, processing_time: 0, total_time: 0 },
        ...{ prompt_tokens: 0, completion_tokens: 0, tokens_per_second: 0 },
      },
    },
  ];
  assert.deepEqual(
    life.map(({ status, attempt }) => `${status} ${attempt}`),
    ["queued 0", "processing 1", "queued 1", "processing 2", "cancelled 0"],
  );
  for (const [i, one] of life.entries())
    for (const [j, other] of life.entries())
      assert.equal(isLater(one, other), i > j, `${i} after ${j}`);
});

test("what is no progress changes nothing", () => {
  assert.equal(progressed(queued, "GenerateRequested", NaN), queued);
  const running = next(queued, "GenerateStarted");
  assert.equal(progressed(running, "GenerateStarted", 1), running);
});
