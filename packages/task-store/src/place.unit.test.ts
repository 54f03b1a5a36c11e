import type { Queue } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { placeIn, type Backlog } from "./place.ts";

const queue = (owner: string, lane: Queue["lane"] = "interactive"): Queue => ({
  ...{ model: "m", lane, owner },
});
const backlog = (of: Queue, waiting: number, usual?: number): Backlog => ({
  ...{ queue: of, waiting, usual },
});

test("a position counts tasks, and the tokens go by what each owner's tasks take", () => {
  const backlogs = [
    backlog(queue("short"), 100, 20),
    backlog(queue("long"), 100, 200),
  ];
  // Ten of its own, and as many of the other's; but no more tokens of the other's than of its own.
  assert.deepEqual(placeIn(backlogs, queue("short"), 9), {
    ...{ position: 20, tokens: 400 },
  });
  assert.deepEqual(placeIn(backlogs, queue("long"), 4), {
    ...{ position: 10, tokens: 2_000 },
  });
});

test("an owner without a finished task is taken for a usual one", () => {
  const backlogs = [backlog(queue("new"), 3), backlog(queue("old"), 0, 50)];
  assert.equal(placeIn(backlogs, queue("new"), 2).tokens, 150);
  assert.equal(placeIn([], queue("new"), 2).tokens, undefined);
});

test("an owner's groups share its turns", () => {
  const group = (owner: string, name: string) => ({
    ...queue(owner),
    group: name,
  });
  const backlogs = [
    ...["g1", "g2", "g3"].map((name) => backlog(group("a", name), 5, 10)),
    backlog(queue("b"), 100, 10),
  ];
  // Of b's point of view a is one owner, whose tasks take one turn in two.
  assert.equal(placeIn(backlogs, queue("b"), 9).position, 20);
  // One of each other group, and as many of b as of a.
  assert.deepEqual(placeIn(backlogs, group("a", "g1"), 0), {
    ...{ position: 6, tokens: 60, group: { ahead: 0, usual: 10 } },
  });
});

test("other models are in nobody's way", () => {
  const other = { queue: { ...queue("a"), model: "n" }, waiting: 9, usual: 9 };
  const place = placeIn([other, backlog(queue("a"), 1, 5)], queue("a"), 0);
  assert.deepEqual(place, { position: 1, tokens: 5 });
});

test("the batch lane waits for nine times its own tokens at most, and the other one for a ninth", () => {
  const backlogs = [
    backlog(queue("a"), 1_000, 10),
    backlog(queue("b", "batch"), 1_000, 10),
  ];
  const ofBatch = placeIn(backlogs, queue("b", "batch"), 1);
  assert.deepEqual(ofBatch, { position: 20, tokens: 200 });
  const ofOther = placeIn(backlogs, queue("a"), 17);
  assert.deepEqual(ofOther, { position: 19, tokens: 200 });
});
