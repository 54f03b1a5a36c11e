import {
  evolve,
  type EndedTask,
  type FailedTask,
  type GenerateRequested,
  type RecordedEvent,
  type TaskState,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "vitest";
import { outcomeOf, statusOf, visibleOutcome } from "./resultOf.ts";

const fixtures = new URL(
  "../../../../packages/schema/fixtures/events/v1/",
  import.meta.url,
);
const fixture = (file: string): object =>
  JSON.parse(readFileSync(new URL(file, fixtures), "utf8")) as object;

function completedTask() {
  const events = [
    { type: "GenerateRequested", data: fixture("GenerateRequested.full.json") },
    {
      type: "GenerateCompleted",
      data: fixture("GenerateCompleted.reasoning.json"),
    },
  ] as RecordedEvent[];
  const task = events.reduce<ReturnType<typeof evolve>>(
    (task, event, i) => evolve(task, { ...event, seq: i + 1, time: 1 }),
    undefined,
  );
  assert.ok(task?.status === "completed");
  return task;
}

const status = (task: TaskState, now = 0) =>
  statusOf(task, undefined, { nowS: () => now });

test("the metadata of a request stands in the status", () => {
  const { metadata } = status(completedTask());
  assert.deepEqual(metadata, { ticket: "A-17" });
});

test("texts are shown until result_ttl_ms after the outcome, by the broker's clock", () => {
  const task = { ...completedTask(), end_time: 100, result_ttl_ms: 5_000 };
  const reader = { scopes: new Set(["read:text"] as const) };
  const at = (now: number, of: EndedTask = task) =>
    visibleOutcome(of, reader, { nowS: () => now });
  const outcome = outcomeOf(task);
  assert.ok(outcome.status === "completed");
  const { result: _, reasoning: __, ...rest } = outcome;
  assert.deepEqual(at(104.999), outcome);
  assert.deepEqual(at(105), { ...rest, result_expired: true });
  assert.equal(status(task).result_expires_at, 105);
  const forEver = completedTask();
  assert.deepEqual(at(1e10, forEver), outcomeOf(forEver));
  assert.ok(!("result_expires_at" in status(forEver)));
  const { task_id, metrics } = task;
  const error = { type: "TimeoutError", message: "too long" } as const;
  const failed = {
    ...{ ...task, status: "failed", error, partial_text: "so far" },
  } as FailedTask;
  assert.deepEqual(at(105, failed), {
    ...{ status: "failed", task_id, metrics, result_expired: true },
    ...{ error_type: "TimeoutError", error_message: "too long" },
  });
});

test("the reasoning of a completed task stands beside its result", () => {
  const outcome = outcomeOf(completedTask());
  assert.ok(outcome.status === "completed");
  assert.equal(outcome.result, "Qubits hold a blend of 0 and 1.\n");
  assert.equal(outcome.reasoning, "It is about qubits.\n");
});

test("a task before its not_before says when that is, and how long it waits at least", () => {
  const task = evolve(undefined, {
    type: "GenerateRequested",
    data: fixture("GenerateRequested.scheduled.json") as GenerateRequested,
    ...{ seq: 1, time: 1 },
  });
  assert.ok(task?.status === "queued");
  const { not_before = 0 } = task;
  assert.equal(not_before, 1_763_766_000);
  const early = status(task, not_before - 90);
  assert.deepEqual(
    [early.not_before, early.estimated_wait, early.queue_position],
    [not_before, 90, null],
  );
  assert.equal(status(task, not_before).estimated_wait, null);
  const started = { ...task, attempt: 1 };
  assert.equal(status(started, not_before - 90).estimated_wait, null);
  assert.ok(!("not_before" in status(completedTask())));
});
