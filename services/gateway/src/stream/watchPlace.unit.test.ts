import { newTaskId, type TaskState } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeWatchPlace } from "./watchPlace.ts";

const queued = (): TaskState => ({
  ...{ task_id: newTaskId(), seq: 1, model: "demo", lane: "interactive" },
  ...{ owner: "a", enqueue_time: 1, timeout_ms: 1, start_timeout_ms: 1 },
  ...{ max_tokens: 16 },
  ...{ status: "queued", attempt: 0, failures: 0 },
});

/** Places as they are said to be, and what was read of them. */
function open() {
  const places = new Map<string, number>();
  const reads: number[] = [];
  const asked = new Set<string>();
  const watchPlace = makeWatchPlace(
    {
      places(tasks) {
        reads.push(tasks.length);
        for (const { task_id } of tasks) asked.add(task_id);
        return Promise.resolve(
          tasks.map(({ task_id }) => {
            const position = places.get(task_id);
            return position === undefined
              ? null
              : { position, tokens: undefined };
          }),
        );
      },
    },
    { firstMs: 5, everyMs: 5 },
  );
  return { places, reads, asked, watchPlace };
}

test("no place is read for a task that waits no longer", async () => {
  const { asked, watchPlace } = open();
  const [gone, waits] = [queued(), queued()];
  watchPlace(gone, () => undefined)[Symbol.dispose]();
  using _ = watchPlace(waits, () => undefined);
  // It began to wait later, so its first question comes later too.
  await eventually(() => asked.has(waits.task_id));
  assert.ok(!asked.has(gone.task_id));
});

test("a place is told soon, and again when it has changed", async () => {
  const { places, reads, watchPlace } = open();
  const task = queued();
  places.set(task.task_id, 7);
  const told: number[] = [];
  using _ = watchPlace(task, ({ position }) => told.push(position));
  await eventually(() => reads.length > 5);
  assert.deepEqual(told, [7]);
  places.set(task.task_id, 6);
  await eventually(() => told.length === 2);
  places.delete(task.task_id);
  assert.deepEqual(told, [7, 6]);
});

test("all are read together, and nothing is read for nobody", async () => {
  const { places, reads, watchPlace } = open();
  const tasks = Array.from({ length: 100 }, queued);
  for (const { task_id } of tasks) places.set(task_id, 1);
  const told: number[] = [];
  const watched = tasks.map((task) =>
    watchPlace(task, ({ position }) => told.push(position)),
  );
  await eventually(() => reads.filter((count) => count === 100).length > 2);
  assert.equal(told.length, 100);
  for (const one of watched) one[Symbol.dispose]();
  const before = reads.length;
  using _ = watchPlace(queued(), () => undefined);
  await eventually(() => reads.length > before + 3);
  assert.ok(reads.slice(before + 1).every((count) => count === 1));
});
