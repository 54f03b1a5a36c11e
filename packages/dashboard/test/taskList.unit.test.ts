import type {
  ListedTask,
  TaskListResponse,
  TasksSnapshot,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { afterAll, afterEach, test, vi } from "vitest";
import { loadPart } from "./loadPart.ts";

interface Value<T> {
  value: T;
}
interface TaskList {
  rows: Value<readonly ListedTask[]>;
  loading: Value<boolean>;
  more: Value<boolean>;
  paused: Value<boolean>;
  error: Value<string | undefined>;
  loadMore: () => Promise<void>;
  close: () => void;
}
const { makeTaskList } = await loadPart<{
  makeTaskList: (session: object, filter: object) => TaskList;
}>("tasks/taskList.ts");

const lists: TaskList[] = [];
afterEach(() => {
  for (const list of lists.splice(0)) list.close();
});
afterAll(() => void vi.unstubAllGlobals());

const filter = { status: [], metadata: {}, error: "memory", words: [] };
const task: ListedTask = {
  ...{ task_id: "a", status: "failed", model: "demo", lane: "batch" },
  ...{ attempt: 1, requested_at: 1, error_message: "out of memory" },
};

/** A list whose feed tells this snapshot; `pages`: what is answered then, one after the other. */
function openWith(
  snapshot: Pick<TasksSnapshot, "tasks" | "next_cursor">,
  pages: readonly TaskListResponse[],
  words: string[] = [],
) {
  const data = JSON.stringify({ view: "tasks", seq: 5, ...snapshot });
  vi.stubGlobal("fetch", (_url: string, { signal }: RequestInit) => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const frame = `event: snapshot\nid: 5\ndata: ${data}\n\n`;
        controller.enqueue(new TextEncoder().encode(frame));
        signal?.addEventListener("abort", () => controller.error("left"));
      },
    });
    return Promise.resolve(new Response(body));
  });
  const left = [...pages];
  const cursors: (string | null)[] = [];
  const call = (path: string) => {
    cursors.push(new URL(path, "http://any").searchParams.get("cursor"));
    return Promise.resolve(left.shift() ?? assert.fail("no page is left"));
  };
  const list = makeTaskList({ headers: {}, call }, { ...filter, words });
  lists.push(list);
  return { list, cursors };
}

test("behind pages without a match the next ones are read, up to the first task", async () => {
  const { list, cursors } = openWith({ tasks: [], next_cursor: "one" }, [
    { tasks: [], next_cursor: "two" },
    { tasks: [task], next_cursor: "three" },
  ]);
  await vi.waitUntil(() => list.rows.value.length > 0 && !list.loading.value);
  assert.deepEqual(cursors, ["one", "two"]);
  assert.equal(list.more.value, true);
});

test("no task has it once the last page has none, and then nothing is asked", async () => {
  const { list, cursors } = openWith({ tasks: [], next_cursor: "one" }, [
    { tasks: [], next_cursor: "two" },
    { tasks: [] },
  ]);
  await vi.waitUntil(() => !list.more.value && !list.loading.value);
  assert.deepEqual(list.rows.value, []);
  const loading = list.loadMore();
  assert.equal(list.loading.value, false);
  await loading;
  assert.deepEqual(cursors, ["one", "two"]);
  assert.equal(list.error.value, undefined);
});

test("what only the page can look for is looked for among 2,000 tasks at a time, until a person goes on", async () => {
  const pageOf = (page: number): TaskListResponse => ({
    tasks: Array.from({ length: 100 }, (_, i) => ({
      ...{ ...task, task_id: `${page}-${i}` },
    })),
    next_cursor: String(page),
  });
  const pages = Array.from({ length: 50 }, (_, i) => pageOf(i));
  const { list, cursors } = openWith({ tasks: [], next_cursor: "first" }, pages, ["no-such-word"]); // prettier-ignore
  await vi.waitUntil(() => list.paused.value && !list.loading.value);
  assert.equal(cursors.length, 20);
  assert.ok(list.more.value);
  await list.loadMore();
  assert.ok(list.paused.value);
  assert.equal(cursors.length, 40);
});
