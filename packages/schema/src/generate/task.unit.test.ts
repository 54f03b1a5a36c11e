import assert from "node:assert/strict";
import { describe, test } from "vitest";
import type { TaskEvent } from "./events.ts";
import { evolve } from "./task.ts";
import {
  cancelled,
  completed,
  failed,
  metrics,
  record,
  requested,
  retried,
  started,
  statesOf,
  task_id,
} from "../../test/generateTestKit.ts";

const fold = (...events: TaskEvent[]) => statesOf(record(events)).at(-1);

describe("a task's life", () => {
  test("requested: queued, without the prompt", () => {
    assert.deepEqual(fold(requested), {
      ...{ status: "queued", task_id, seq: 10, attempt: 0, failures: 0 },
      ...{ model: "demo", lane: "interactive", owner: "default" },
      ...{
        enqueue_time: 1_000,
        timeout_ms: 300_000,
        start_timeout_ms: 600_000,
        max_tokens: 1,
      },
    });
  });

  test("requested in a trace: it stays", () => {
    const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
    const data = { ...requested.data, traceparent };
    assert.equal(fold({ ...requested, data })?.traceparent, traceparent);
  });

  test("started, retried and started again: the first start stays", () => {
    const queued = fold(requested, started(1), retried(1, "crash"));
    assert.ok(queued?.status === "queued");
    assert.deepEqual([queued.attempt, queued.failures], [1, 1]);
    assert.equal(queued.first_start, 1_001);
    assert.equal(queued.since, 1_000);
    const again = evolve(queued, { ...started(2), seq: 20, time: 0 });
    assert.ok(again?.status === "processing");
    assert.deepEqual([again.worker_id, again.first_start], ["w2", 1_001]);
    assert.equal(again.since, 1_002);
  });

  test("completed: the result, and where and when", () => {
    const task = fold(requested, started(1), completed(1));
    assert.ok(task?.status === "completed");
    assert.deepEqual([task.result, task.finish_reason], ["of 1", "stop"]);
    assert.deepEqual([task.end_seq, task.end_time], [12, 2_002]);
    assert.deepEqual(task.metrics, metrics);
  });

  test("failed: the error without its traceback", () => {
    const task = fold(requested, failed(0));
    assert.ok(task?.status === "failed");
    assert.deepEqual(task.error, { type: "RuntimeError", message: "why" });
  });

  test("failed or cancelled: the text so far, where there is one", () => {
    const partial_text = "so far";
    for (const end of [failed(1), cancelled]) {
      const data = { ...end.data, partial_text };
      const task = fold(requested, started(1), { ...end, data } as TaskEvent);
      assert.ok(task?.status === "failed" || task?.status === "cancelled");
      assert.equal(task.partial_text, "so far");
      const none = fold(requested, started(1), end);
      assert.ok(none && !("partial_text" in none));
    }
  });

  test("cancelled: the attempt is the one that ran", () => {
    const task = fold(requested, started(2), cancelled);
    assert.deepEqual([task?.status, task?.attempt], ["cancelled", 2]);
  });
});
