import assert from "node:assert/strict";
import { evolve, type TaskState } from "@jetscribe/schema";
import { test } from "vitest";
import { makeOpenTasks } from "./openTasks.ts";

const task = (n: number): TaskState => {
  const data = {
    task_id: `task-${n}`,
    ...{ model: "demo", lane: "interactive" as const, owner: "default" },
    ...{ prompt: "x", timeout_ms: 1, start_timeout_ms: 1, enqueue_time: 0 },
    params: { max_tokens: 1, temperature: 0, top_p: 1 },
  };
  const made = evolve(undefined, {
    ...{ type: "GenerateRequested" as const, data, seq: n, time: 0 },
  });
  assert.ok(made);
  return made;
};
const ended = (open: TaskState) =>
  ({ ...open, status: "cancelled" }) as TaskState;
const change = (after: TaskState) => ({ before: undefined, after });

/** A store that has these tasks, and notes what it is asked for. */
function storeOf(...tasks: TaskState[]) {
  const asked: string[] = [];
  const read = (ids: readonly string[]) => {
    asked.push(...ids);
    return Promise.resolve(
      ids.map((id) => tasks.find(({ task_id }) => task_id === id)),
    );
  };
  return { asked, read };
}

test("only what was not written last is read, and all comes in the order asked for", async () => {
  const { asked, read } = storeOf(task(1), task(3));
  const open = makeOpenTasks({ read });
  open.note([change(task(2))]);
  const tasks = await open.read(["task-1", "task-2", "task-3", "task-4"]);
  assert.deepEqual(
    [...tasks],
    [
      ["task-1", task(1)],
      ["task-2", task(2)],
      ["task-3", task(3)],
      ["task-4", undefined],
    ],
  );
  assert.deepEqual(asked, ["task-1", "task-3", "task-4"]);
});

test("a task that has ended is read again, and so is everything that was forgotten", async () => {
  const { asked, read } = storeOf();
  const open = makeOpenTasks({ read });
  open.note([change(task(1)), change(task(2)), change(ended(task(1)))]);
  await open.read(["task-1", "task-2"]);
  assert.deepEqual(asked, ["task-1"]);
  open.forget();
  await open.read(["task-2"]);
  assert.deepEqual(asked, ["task-1", "task-2"]);
});

test("of more tasks than it keeps, those that changed longest ago are read", async () => {
  const { asked, read } = storeOf();
  const open = makeOpenTasks({ read });
  const all = Array.from({ length: 2_001 }, (_, n) => task(n));
  open.note(all.map(change).slice(0, 2_000));
  open.note([change(task(0)), change(task(2_000))]);
  await open.read(["task-0", "task-1", "task-2", "task-2000"]);
  assert.deepEqual(asked, ["task-1"]);
});
