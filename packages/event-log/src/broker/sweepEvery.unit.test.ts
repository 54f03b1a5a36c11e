import assert from "node:assert/strict";
import { test } from "vitest";
import { sweepEvery } from "./sweepEvery.ts";

const everyMs = 20;

/** Computes for so long, so that nothing is read. */
function compute(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test("what is swept is overdue before a stand-still that comes between the timer and the sweep", async () => {
  let stoodStillAt = Infinity;
  // Its timer is due in the same turn, and before the other one.
  const timer = setInterval(() => {
    clearInterval(timer);
    setImmediate(() => {
      stoodStillAt = performance.now();
      compute(5 * everyMs);
    });
  }, everyMs);
  const { promise, resolve } = Promise.withResolvers<number>();
  using _sweeping = sweepEvery(everyMs, resolve);
  assert.ok((await promise) <= stoodStillAt);
});
