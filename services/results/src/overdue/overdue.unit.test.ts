import {
  deadlineOf,
  joinChunks,
  newTaskId,
  type OpenTask,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { overdue } from "./overdue.ts";

const waiting: OpenTask = {
  ...{ task_id: newTaskId(), seq: 1, model: "demo", lane: "interactive" },
  ...{ owner: "a", enqueue_time: 100, timeout_ms: 5_000, max_tokens: 16 },
  ...{ start_timeout_ms: 2_000, attempt: 0, failures: 0, status: "queued" },
};
const none = joinChunks([]);

function failureOf(...args: Parameters<typeof overdue>) {
  const event = overdue(...args);
  assert.ok(event.type === "GenerateFailed");
  return event.data;
}

test("a task that was never started expires, and says how long it waited", () => {
  const data = failureOf(waiting, { text: none, refusals: [], now: 103 });
  assert.equal(data.error.type, "ExpiredError");
  assert.match(data.error.message, /2 s/);
  assert.equal(data.attempt, 0);
  assert.equal(data.metrics.queue_wait_time, 3);
  assert.equal(data.metrics.processing_time, 0);
});

test("where every worker of its model failed to load it, that is why", () => {
  const refused = { text: none, refusals: ["no such file"], now: 103 };
  const data = failureOf(waiting, refused);
  assert.equal(data.error.type, "ModelLoadError");
  assert.equal(data.error.message, "no such file");
  const one = { ...refused, refusals: ["no such file", undefined] };
  assert.equal(failureOf(waiting, one).error.type, "ExpiredError");
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
  const data = failureOf(started, { text, refusals: ["broken"], now: 170 });
  assert.equal(data.error.type, "TimeoutError");
  assert.equal(data.partial_text, "so far");
  assert.equal(data.metrics.completion_tokens, 2);
  assert.equal(data.metrics.processing_time, 69);
});

test("one whose cancel_after_ms is over is cancelled, where it waits and where its worker did not do so", () => {
  const text = joinChunks([
    {
      ...{ worker_id: "w", attempt: 1, n: 1, offset: 0, text: "so far" },
      ...{ completion_tokens: 2, prompt_tokens: 7 },
    },
  ]);
  const cancelOf = (
    task: OpenTask,
    facts = { text, refusals: [], now: 109 },
  ) => {
    const event = overdue(task, facts);
    assert.ok(event.type === "GenerateCancelled");
    assert.match(event.data.reason, /cancel_after_ms/);
    return event.data;
  };
  const hurried = { ...waiting, cancel_after_ms: 1_500 };
  const unstarted = cancelOf(hurried, { text: none, refusals: [], now: 102 });
  const { stage, partial_text, by } = unstarted;
  assert.deepEqual([stage, partial_text, by], ["queued", undefined, "a"]);
  assert.equal(deadlineOf(hurried).at, 101.5);
  const handedBack = { ...hurried, attempt: 1, first_start: 101 };
  assert.equal(cancelOf(handedBack).partial_text, "so far");
  assert.equal(deadlineOf(handedBack).at, 101.5);
  const runs: OpenTask = {
    ...{ ...handedBack, status: "processing", worker_id: "w" },
  };
  assert.equal(cancelOf(runs).stage, "processing");
  assert.equal(deadlineOf(runs).at, 106.5);
  // The earlier of all its deadlines counts.
  const longer = { ...waiting, cancel_after_ms: 2_001 };
  assert.equal(deadlineOf(longer).end, "ExpiredError");
});
