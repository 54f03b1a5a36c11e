import type { WorkerAnnouncement } from "@jetscribe/schema";
import type { Backlog } from "@jetscribe/task-store";
import assert from "node:assert/strict";
import { test } from "vitest";
import { backlogSeconds } from "./backlogSeconds.ts";

const worker = (
  over: Partial<WorkerAnnouncement> = {},
): WorkerAnnouncement => ({
  ...{ worker_id: "w", model: "Demo", engine: "fake", model_loaded: true },
  ...{ slots: 2, tokens_per_second: 100, tasks: [], ...over },
});
const backlog = (
  owner: string,
  waiting: number,
  usual?: number,
  model = "demo",
): Backlog => ({
  queue: { model, lane: "interactive", owner },
  ...{ waiting, usual },
});
const of = (backlogs: Backlog[], workers: WorkerAnnouncement[]) =>
  Object.fromEntries(backlogSeconds(backlogs, workers));

test("what waits, at what it usually takes, by all workers of the model", () => {
  const waiting = [backlog("a", 10, 50), backlog("b", 1, 500)];
  assert.deepEqual(of(waiting, [worker()]), { demo: 10 });
  assert.deepEqual(of(waiting, [worker(), worker()]), { demo: 5 });
});

test("an owner that has finished nothing yet counts as the others do", () => {
  const waiting = [backlog("a", 0, 200), backlog("new", 3)];
  assert.deepEqual(of(waiting, [worker()]), { demo: 6 });
});

test("nothing waits: 0, with or without a worker", () => {
  assert.deepEqual(of([backlog("a", 0, 50)], []), { demo: 0 });
  assert.deepEqual(of([], [worker({ tokens_per_second: 0 })]), { demo: 0 });
});

test("tasks wait and the model has no worker: for ever, as it stands", () => {
  assert.deepEqual(of([backlog("a", 1, 50)], []), { demo: Infinity });
  assert.deepEqual(of([backlog("a", 1, 50)], [worker({ slots: 0 })]), {
    demo: Infinity,
  });
});

test("it is left out while nothing was finished", () => {
  assert.deepEqual(of([backlog("a", 1)], [worker()]), {});
  const slow = worker({ tokens_per_second: undefined });
  assert.deepEqual(of([backlog("a", 1, 50)], [slow]), {});
});

test("models are told apart", () => {
  const waiting = [backlog("a", 1, 100), backlog("a", 1, 300, "other")];
  const workers = [worker(), worker({ model: "other" })];
  assert.deepEqual(of(waiting, workers), { demo: 1, other: 3 });
});
