import assert from "node:assert/strict";
import { test } from "vitest";
import { eventually } from "./eventually.ts";

test("eventually gives the first truthy value", async () => {
  let calls = 0;
  const value = await eventually(() => (++calls === 3 ? "there" : undefined), {
    everyMs: 1,
  });
  assert.deepEqual([value, calls], ["there", 3]);
});

test("eventually outlives errors and rejects with the last one", async () => {
  let calls = 0;
  const condition = () => {
    throw new Error(`failure ${++calls}`);
  };
  await assert.rejects(
    eventually(condition, { timeoutMs: 500, everyMs: 10 }),
    /failure ([2-9]|\d\d)/,
  );
});

test("eventually names the last value when it gives up", async () => {
  await assert.rejects(
    eventually(() => 0, { timeoutMs: 5, everyMs: 1 }),
    /last value was 0/,
  );
});

test("eventually asks once more when the time is over", async () => {
  let calls = 0;
  const value = await eventually(() => ++calls === 2, {
    timeoutMs: 200,
    everyMs: 400,
  });
  assert.deepEqual([value, calls], [true, 2]);
});
