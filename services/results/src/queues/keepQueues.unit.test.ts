import assert from "node:assert/strict";
import { test } from "vitest";
import { shortfallOf, takeTurns } from "./keepQueues.ts";

const held = (pending: number, ackPending: number) => ({
  ...{ pending, ackPending, deliveredSeq: 10 },
});

test("a queue without open tasks lacks nothing, whatever became of its consumer", () => {
  const open = { all: 0, delivered: 0 };
  assert.equal(shortfallOf(undefined, open), undefined);
  assert.equal(shortfallOf(held(0, 0), open), undefined);
});

test("a queue whose open tasks are pending or unacknowledged holds them", () => {
  assert.equal(shortfallOf(held(2, 1), { all: 3, delivered: 1 }), undefined);
  // More than are open: some have ended, and are yet to be acknowledged.
  assert.equal(shortfallOf(held(2, 5), { all: 3, delivered: 1 }), undefined);
});

test("a queue is short without a consumer, of delivered tasks, and of tasks at all", () => {
  const open = { all: 3, delivered: 2 };
  assert.match(shortfallOf(undefined, open) ?? "", /missing/);
  assert.match(shortfallOf(held(0, 2), open) ?? "", /2 of 3 tasks/);
  // What the consumer says is pending may be too much, and makes up for nothing.
  assert.match(shortfallOf(held(9, 1), open) ?? "", /1 of 2 delivered/);
});

test("many queues take turns, and those in question are looked at each time", () => {
  const all = ["e", "c", "a", "d", "b"].map((name) => ({ name }));
  const always = new Set(["e"]);
  const turns: string[] = [];
  let after = "";
  for (let i = 0; i < 4; i++) {
    const { chosen, last } = takeTurns(all, { after, most: 2, always });
    turns.push(chosen.map(({ name }) => name).join(""));
    after = last;
  }
  assert.deepEqual(turns, ["abe", "cde", "ea", "bce"]);
  const few = takeTurns(all, { after: "c", most: 5, always });
  assert.equal(few.chosen.length, 5);
});
