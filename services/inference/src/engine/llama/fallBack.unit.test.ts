import assert from "node:assert/strict";
import { test } from "vitest";
import { firstThatWorks, halvings, layersToTry } from "./fallBack.ts";

const makeUpTo = (most: number) => (plan: number) =>
  plan <= most
    ? Promise.resolve(`made ${plan}`)
    : Promise.reject(new Error(`no room for ${plan}`));

test("the first plan that works is taken, and it is told why the wish was not", async () => {
  const tried = await firstThatWorks([16, 8, 4], makeUpTo(9));
  assert.equal(tried.made, "made 8");
  assert.equal(tried.plan, 8);
  assert.deepEqual(tried.failure, new Error("no room for 16"));
});

test("a wish that works is nothing to tell of", async () => {
  assert.deepEqual(await firstThatWorks([16, 8], makeUpTo(16)), {
    ...{ made: "made 16", plan: 16 },
  });
});

test("where nothing works it fails as the wish did", async () => {
  await assert.rejects(firstThatWorks([16, 8], makeUpTo(1)), {
    message: "no room for 16",
  });
});

test("less is half of it each time, down to the least", () => {
  assert.deepEqual(halvings(16, 1), [16, 8, 4, 2, 1]);
  assert.deepEqual(halvings(5, 0), [5, 2, 1, 0]);
  assert.deepEqual(halvings(1, 1), [1]);
  assert.deepEqual(halvings(0, 0), [0]);
});

test("layers: what was asked for, or what fits by estimate, and then fewer", () => {
  assert.deepEqual(layersToTry(undefined, 33), ["auto", 16, 8, 4, 2, 1, 0]);
  assert.deepEqual(layersToTry(8, 33), [8, 4, 2, 1, 0]);
  assert.deepEqual(layersToTry(99, 3), [3, 1, 0]);
});
