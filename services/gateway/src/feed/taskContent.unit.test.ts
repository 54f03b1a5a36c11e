import {
  evolve,
  newTaskId,
  type RecordedEvent,
  type TaskEvent,
} from "@jetscribe/schema";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test } from "vitest";
import { makeTurns } from "../accept/turns.ts";
import { taskContent } from "./taskContent.ts";

test("of all pages few histories are held at once", async () => {
  let [held, most] = [0, 0];
  const requested: TaskEvent = {
    type: "GenerateRequested",
    data: {
      ...{ task_id: newTaskId(), model: "demo", lane: "interactive" },
      ...{ owner: "a", prompt: "hi", enqueue_time: 1 },
      params: { max_tokens: 4, temperature: 0, top_p: 1 },
      ...{ timeout_ms: 1_000, start_timeout_ms: 1_000 },
    },
  };
  const event: RecordedEvent = { ...requested, seq: 1, time: 1 };
  const deps = {
    broker: {} as Broker,
    clock: { nowS: () => 2 },
    readTask: () => Promise.resolve(evolve(undefined, event)),
    async readHistory() {
      most = Math.max(most, ++held);
      await nextTurn();
      held--;
      return [event];
    },
    histories: makeTurns(2),
  };
  const key = {
    ...{ id: "a", name: "a", owner: "a", digest: "" },
    scopes: new Set(["read"] as const),
  };
  const contents = Array.from({ length: 9 }, () =>
    taskContent(deps, { view: "task", task_id: newTaskId() }, key),
  );
  await Promise.all(contents.map((content) => content.read()));
  assert.equal(most, 2);
});
