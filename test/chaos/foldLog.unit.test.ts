import assert from "node:assert/strict";
import { test } from "vitest";
import { foldLog } from "./foldLog.ts";
import type { LoggedEvent } from "./readLog.ts";

const log = (...events: [word: string, id: string, attempt?: number][]) =>
  events.map(([word, taskId, attempt], i): LoggedEvent => ({
    ...{ seq: i + 1, time: 0, word, queue: "infer=demo", type: "" },
    ...{ messageId: "", taskId, data: { attempt } },
  }));

function shown(events: readonly LoggedEvent[], upTo?: number): string[] {
  const fold = foldLog();
  fold.advance(events, upTo);
  return [...fold.open.values()].map(
    ({ id, runs }) => `${id} ${runs ? "runs" : "waits"}`,
  );
}

const events = log(
  ["requested", "a"],
  ["requested", "b"],
  ["started", "a", 1],
  ["retried", "a", 1],
  ["started", "a", 2],
  ["retried", "a", 1], // late
  ["completed", "a"],
  ["started", "a", 3], // after its end
  ["requested", "a"], // twice
  ["cancelled", "b"],
);
const expected = [
  ["a waits"],
  ["a waits", "b waits"],
  ["a runs", "b waits"],
  ["a waits", "b waits"],
  ["a runs", "b waits"],
  ["a runs", "b waits"],
  ["b waits"],
  ["b waits"],
  ["b waits"],
  [],
];

test("at every place in the log it is known what waits and what runs", () => {
  const at = events.map(({ seq }) => shown(events, seq));
  assert.deepEqual(at, expected);
});

test("going on step by step gives what one step gives", () => {
  const fold = foldLog();
  for (const { seq } of events.slice(0, 5)) fold.advance(events, seq);
  assert.deepEqual([...fold.open.keys()], ["a", "b"]);
  assert.equal(fold.open.get("a")?.attempt, 2);
  assert.equal(fold.seq, 5);
});
