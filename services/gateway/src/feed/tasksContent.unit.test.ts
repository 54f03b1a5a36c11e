import type { StoredEvent } from "@jetscribe/event-log/codec/storedEvent";
import {
  newTaskId,
  type ListedTask,
  type TasksEvents,
  type TasksSnapshot,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { cursorBehind } from "../list/listTasks.ts";
import { tasksContent } from "./tasksContent.ts";
import { makeTellEvent } from "./tellEvent.ts";

const key = { owner: "a", scopes: new Set(["read"]) } as unknown as Parameters<
  typeof tasksContent
>[3];
const firstMs = 1_800_000_000_000;
const ids = Array.from({ length: 10 }, (_, i) => newTaskId(firstMs + i));
const idAt = (at: number) => ids[at] ?? assert.fail();
const queue = { model: "demo", lane: "batch", owner: "a" } as const;
const error = { error_type: "RuntimeError", error_message: "memory" } as const;

const failedTask = (task_id: string): ListedTask => ({
  ...{ task_id, status: "failed", model: "demo", lane: "batch" },
  ...{ attempt: 1, requested_at: 1, ended_at: 2, ...error },
});

const failure = (seq: number, taskId: string): StoredEvent => ({
  ...{ seq, time: seq, type: "GenerateFailed", taskId, queue, attempt: 1 },
  ...{ errorType: error.error_type, errorMessage: error.error_message },
});

/** The failed tasks by a text, of which the index's first page has these. */
async function openWith(page: { tasks: ListedTask[]; cursor?: string }) {
  const lists: Parameters<typeof tasksContent>[0] = {
    listTasks: () => Promise.resolve({ ...page, position: 5 }),
    readListed: (taskIds) =>
      Promise.resolve({ tasks: taskIds.map(failedTask), position: 9 }),
  };
  const query = { view: "tasks", limit: 3, error: "memory" } as const;
  const content = tasksContent(lists, makeTellEvent((slug) => slug), query, key); // prettier-ignore
  await content.read();
  const snapshot = () => {
    const { tasks, next_cursor } = content.snapshot().data as TasksSnapshot;
    return { ids: tasks.map(({ task_id }) => task_id), next_cursor };
  };
  return { content, snapshot };
}

test("where the first page has no task yet, a snapshot says where the next one begins", async () => {
  const cursor = cursorBehind(idAt(4));
  const { snapshot } = await openWith({ tasks: [], cursor });
  assert.deepEqual(snapshot(), { ids: [], next_cursor: cursor });
});

test("a page without tasks is the last one where it has no cursor", async () => {
  const { snapshot } = await openWith({ tasks: [] });
  assert.deepEqual(snapshot(), { ids: [], next_cursor: undefined });
});

test("a task that matches later and stands behind the first page's cursor is in the next page, above it in the first", async () => {
  const cursor = cursorBehind(idAt(4));
  const { content, snapshot } = await openWith({ tasks: [], cursor });
  content.take(failure(6, idAt(2)));
  content.take(failure(7, idAt(6)));
  const frame = (await content.news(false)) as unknown as {
    data: TasksEvents;
  };
  assert.deepEqual(
    frame.data.tasks?.map(({ task_id }) => task_id),
    [idAt(6)],
  );
  assert.deepEqual(snapshot(), { ids: [idAt(6)], next_cursor: cursor });
});

test("a short page goes on where the index stopped looking, and one with more tasks than it shows behind the last", async () => {
  const cursor = cursorBehind(idAt(1));
  const tasks = [7, 5].map((at) => failedTask(idAt(at)));
  const { content, snapshot } = await openWith({ tasks, cursor });
  assert.deepEqual(snapshot(), {
    ids: [idAt(7), idAt(5)],
    next_cursor: cursor,
  });
  for (const at of [8, 9]) content.take(failure(at, idAt(at)));
  await content.news(false);
  assert.deepEqual(snapshot(), {
    ids: [9, 8, 7].map(idAt),
    next_cursor: cursorBehind(idAt(7)),
  });
});
