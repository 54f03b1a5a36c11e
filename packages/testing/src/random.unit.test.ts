import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { makeRandom, testRandom, testSeed, type Random } from "./random.ts";

const row = (random: Random) => Array.from({ length: 5 }, () => random.float());

test("a seed decides the row, and each fork of it is another one", () => {
  assert.deepEqual(row(makeRandom(7)), row(makeRandom(7)));
  const rows = [makeRandom(7), makeRandom(8), makeRandom(7).fork(0)];
  assert.equal(new Set(rows.map((random) => row(random).join())).size, 3);
});

test("the run's seed decides what tests draw, fast-check's values too", () => {
  assert.equal(String(testSeed()), process.env["SEED"]);
  assert.deepEqual(row(testRandom(1)), row(testRandom(1)));
  assert.notDeepEqual(row(testRandom(1)), row(testRandom(2)));
  assert.equal(fc.readConfigureGlobal().seed, testSeed());
});
