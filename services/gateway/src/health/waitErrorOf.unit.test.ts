import assert from "node:assert/strict";
import { test } from "vitest";
import { waitErrorOf } from "./health.ts";

test("the error is a share of the real wait, too long and too short alike", () => {
  const waits = [
    { estimated: 12, real: 10 },
    { estimated: 5, real: 10 },
    { estimated: 10, real: 10 },
  ];
  assert.deepEqual(waitErrorOf(waits), { median: 0.2, p90: 0.5, tasks: 3 });
});

test("a wait under a second counts as one", () => {
  const waits = [{ estimated: 0.3, real: 0.1 }];
  assert.deepEqual(waitErrorOf(waits), { median: 0.2, p90: 0.2, tasks: 1 });
});

test("without a finished task there is none", () => {
  assert.equal(waitErrorOf([]), undefined);
});
