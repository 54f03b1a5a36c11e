import assert from "node:assert/strict";
import { test } from "vitest";
import { makeUnsynced, syncWithinMs } from "./unsynced.ts";

test("an outcome that is not synced yet frees nothing", () => {
  const { note, least } = makeUnsynced();
  note(0, 10);
  assert.equal(least(4_000, 5_000), 0);
  note(4_000, 50);
  assert.equal(least(5_000, 5_000), 10);
  assert.equal(least(8_000, 5_000), 10);
  assert.equal(least(9_000, 5_000), 50);
});

test("a reader that is set back counts at once", () => {
  const { note, least } = makeUnsynced();
  note(0, 50);
  note(9_000, 20);
  assert.equal(least(10_000, 5_000), 20);
});

test("looks are remembered for two minutes, and the last one before", () => {
  const { note, least, forget } = makeUnsynced();
  for (let at = 0; at <= 300_000; at += 1_000) note(at, at);
  assert.equal(least(300_000, 120_000), 180_000);
  assert.equal(least(300_000, 5_000), 295_000);
  forget();
  assert.equal(least(300_000, 5_000), 0);
});

test("a server before 2.10 syncs every two minutes; where the log fills up room wins", () => {
  assert.equal(syncWithinMs("2.9.10", false), 120_000);
  assert.equal(syncWithinMs("2.9.10", true), 5_000);
  assert.equal(syncWithinMs("2.10.0", false), 5_000);
  assert.equal(syncWithinMs("2.15.1", true), 5_000);
});
