import {
  CancelTasksRequest,
  newTaskId,
  RetryTasksRequest,
  type ListedTask,
  type TaskState,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { ApiError, unavailable } from "../apiError.ts";
import { ApiKeyList } from "../keys/apiKeys.ts";
import { makeActOnTasks, mostTasksPerCall } from "./actOnTasks.ts";
import { cursorBefore } from "./listTasks.ts";

const everything = CancelTasksRequest.parse({});

/** The cancel of so many tasks; a cursor is the number of the next one. */
function cancelOf(
  count: number,
  cancel: (index: number) => void = () => undefined,
) {
  const [key] = ApiKeyList.parse("a:key-of-a");
  assert.ok(key);
  const ids = Array.from({ length: count }, () => newTaskId());
  const acted: string[] = [];
  const notMeant = () => Promise.reject(new Error("nothing is retried"));
  const { cancelTasks } = makeActOnTasks({
    listTasks(_filter, _key, { limit, cursor = "0" }) {
      const end = Number(cursor) + limit;
      const tasks = ids
        .slice(Number(cursor), end)
        .map((task_id) => ({ task_id }) as ListedTask);
      const more = end < count ? { cursor: String(end) } : {};
      return Promise.resolve({ tasks, position: 0, ...more });
    },
    countTasks: () => Promise.resolve(count),
    readSurely: notMeant,
    retryTask: notMeant,
    cancelTask: async ({ task_id }) => {
      await Promise.resolve();
      cancel(ids.indexOf(task_id));
      acted.push(task_id);
    },
  });
  const ask = (body: Partial<CancelTasksRequest> = {}, ended?: AbortSignal) =>
    cancelTasks({ ...everything, ...body }, key, { ended });
  return { ask, ids, acted };
}

test("a call acts on so many tasks, and the next one goes on behind them", async () => {
  const { ask, ids, acted } = cancelOf(mostTasksPerCall + 30);
  const first = await ask();
  const { next_cursor = "" } = first;
  assert.deepEqual(first, {
    ...{ dry_run: false, matched: mostTasksPerCall, next_cursor },
    results: { cancelled: mostTasksPerCall },
  });
  assert.deepEqual(await ask({ cursor: next_cursor }), {
    ...{ dry_run: false, matched: 30, results: { cancelled: 30 } },
  });
  assert.deepEqual(acted, ids);
});

test("a dry run counts, and does nothing", async () => {
  const { ask, acted } = cancelOf(3);
  assert.deepEqual(await ask({ dry_run: true }), {
    ...{ dry_run: true, matched: 3, results: {} },
  });
  assert.deepEqual(acted, []);
});

test("each task has its result, and what refuses one for all ends the call", async () => {
  const { ask, ids } = cancelOf(100, (index) => {
    if (index === 3) throw new ApiError("already_ended", "it is completed");
    if (index === 30) throw unavailable("the broker is away");
  });
  assert.deepEqual(await ask(), {
    ...{
      dry_run: false,
      matched: 50,
      next_cursor: cursorBefore(ids[30] ?? ""),
    },
    results: { cancelled: 48, already_ended: 1, unavailable: 1 },
  });
});

test("a call whose key ends begins no more tasks", async () => {
  const ending = new AbortController();
  const { ask, acted } = cancelOf(100, (index) => {
    if (index === 30) ending.abort();
  });
  assert.equal((await ask({}, ending.signal)).matched, 50);
  assert.equal(acted.length, 50);
});

test("an error that is no refusal is the call's own", async () => {
  const { ask } = cancelOf(2, () => {
    throw new TypeError("a mistake");
  });
  await assert.rejects(ask(), TypeError);
});

test("what a call by filter says of its tasks is said of each", async () => {
  const [key] = ApiKeyList.parse("a:key-of-a");
  assert.ok(key);
  const task = { task_id: newTaskId(), status: "failed" } as TaskState;
  const asked: unknown[] = [];
  const { retryTasks } = makeActOnTasks({
    listTasks: () =>
      Promise.resolve({
        tasks: [task as unknown as ListedTask],
        position: 0,
      }),
    countTasks: () => Promise.resolve(1),
    readSurely: () => Promise.resolve(task),
    cancelTask: () => Promise.resolve(),
    retryTask: (_task, _key, options) => {
      asked.push(options);
      return Promise.resolve({ taskId: newTaskId() });
    },
  });
  const options = { traceparent: "00-trace", cancelAfterMs: 1_500 };
  const call = { ...options, idempotencyKey: "key", arrivedAt: 0 };
  await retryTasks(RetryTasksRequest.parse({}), key, call);
  // No call can send such a key: it has a line end.
  const idempotencyKey = `key\n${task.task_id}`;
  assert.deepEqual(asked, [{ ...options, idempotencyKey }]);
});
