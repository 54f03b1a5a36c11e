import { newTaskId, type ListedTask } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { ApiKeyList } from "../keys/apiKeys.ts";
import { makeSupersede } from "./supersede.ts";

const listed = (): ListedTask => ({
  ...{ task_id: newTaskId(), status: "queued", model: "demo" },
  ...{ lane: "interactive", attempt: 0, requested_at: 1 },
});

test("the new task's answer does not wait for more older tasks than can be cancelled within a time", async () => {
  const [key] = ApiKeyList.parse("a:key");
  assert.ok(key);
  const pages = Array.from({ length: 3 }, () => [listed(), listed()]);
  const all = pages.flat().map(({ task_id }) => task_id);
  const cancelled: string[] = [];
  const slow = Promise.withResolvers<void>();
  const supersede = makeSupersede({
    listTasks: (_filter, _key, { cursor = "0" }) => {
      const tasks = pages[Number(cursor)] ?? [];
      const next = Number(cursor) + 1;
      const more = next < pages.length ? { cursor: `${next}` } : {};
      return Promise.resolve({ tasks, position: 9, ...more });
    },
    async cancelTask({ task_id }) {
      await slow.promise;
      cancelled.push(task_id);
    },
    log: { warn: () => undefined },
    answerWithinMs: 20,
  });
  const task = { task_id: newTaskId(), seq: 9, model: "demo", group: "g" };
  await supersede({ ...task, lane: "interactive" }, "latest", key);
  assert.deepEqual(cancelled, []);
  slow.resolve();
  await eventually(() => cancelled.length === all.length);
  assert.deepEqual(cancelled, all);
});
