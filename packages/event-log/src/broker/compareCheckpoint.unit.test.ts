import assert from "node:assert/strict";
import { test } from "vitest";
import { compareCheckpoint } from "./streamState.ts";

const checkpoint = {
  created: "monday",
  seq: 10,
  id: "a.outcome",
  caughtUp: true,
  beat: 3,
  bytes: 0,
};
const log = { created: "monday", firstSeq: 1, lastSeq: 20 };
const has = (id?: string) => () => Promise.resolve(id);

for (const [what, given, found, expected] of [
  ["the same id is there", {}, "a.outcome", "intact"],
  ["it is the last one", { lastSeq: 10 }, "a.outcome", "intact"],
  ["the message is gone", {}, undefined, "intact"],
  ["the log begins right behind it", { firstSeq: 11 }, undefined, "intact"],
  ["the log begins later", { firstSeq: 12 }, undefined, "gap"],
  ["the log is shorter", { lastSeq: 9 }, undefined, "lost_tail"],
  ["another id is there", {}, "b.outcome", "lost_tail"],
  ["it is another stream", { created: "tuesday" }, "a.outcome", "lost_tail"],
] as const)
  test(`${what}: ${expected}`, async () => {
    const state = { ...log, ...given };
    assert.equal(
      await compareCheckpoint(checkpoint, state, has(found)),
      expected,
    );
  });

test("a checkpoint that nothing was folded into yet has no id to compare", async () => {
  const fresh = { ...checkpoint, seq: 4, id: "" };
  assert.equal(await compareCheckpoint(fresh, log, has("a.outcome")), "intact");
});
