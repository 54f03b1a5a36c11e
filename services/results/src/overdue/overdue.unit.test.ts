import { joinChunks, newTaskId, type OpenTask } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { overdue } from "./overdue.ts";

const waiting: OpenTask = {
  ...{ task_id: newTaskId(), seq: 1, model: "demo", lane: "interactive" },
  ...{ owner: "a", enqueue_time: 100, timeout_ms: 5_000, max_tokens: 16 },
  ...{ start_timeout_ms: 2_000, attempt: 0, failures: 0, status: "queued" },
};
const none = joinChunks([]);

test("a task that was never started expires, and says how long it waited", () => {
  const { data } = overdue(waiting, { text: none, refusals: [], now: 103 });
  assert.equal(data.error.type, "ExpiredError");
  assert.match(data.error.message, /2 s/);
  assert.equal(data.attempt, 0);
  assert.equal(data.metrics.queue_wait_time, 3);
  assert.equal(data.metrics.processing_time, 0);
});

test("where every worker of its model failed to load it, that is why", () => {
  const refused = { text: none, refusals: ["no such file"], now: 103 };
  const { data } = overdue(waiting, refused);
  assert.equal(data.error.type, "ModelLoadError");
  assert.equal(data.error.message, "no such file");
  const one = { ...refused, refusals: ["no such file", undefined] };
  assert.equal(overdue(waiting, one).data.error.type, "ExpiredError");
});

test("one that was started ends with what was streamed", () => {
  const text = joinChunks([
    {
      ...{ worker_id: "w", attempt: 1, n: 1, offset: 0, text: "so far" },
      ...{ completion_tokens: 2, prompt_tokens: 7 },
    },
  ]);
  const started: OpenTask = {
    ...{ ...waiting, attempt: 1, first_start: 101 },
    ...{ status: "processing", worker_id: "w" },
  };
  const { data } = overdue(started, { text, refusals: ["broken"], now: 170 });
  assert.equal(data.error.type, "TimeoutError");
  assert.equal(data.partial_text, "so far");
  assert.equal(data.metrics.completion_tokens, 2);
  assert.equal(data.metrics.processing_time, 69);
});
