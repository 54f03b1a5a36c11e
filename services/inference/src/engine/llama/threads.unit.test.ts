import assert from "node:assert/strict";
import { test } from "vitest";
import { measure } from "./threads.ts";

/** Speeds by number of threads; each measurement takes so many ms. */
function machine(speeds: Record<number, number>, tookMs = 100) {
  const measured: number[] = [];
  let now = 0;
  const speedOf = (threads: number) => {
    measured.push(threads);
    now += tookMs;
    return Promise.resolve(speeds[threads] ?? 0);
  };
  return { measured, speedOf, now: () => now };
}

test("the fastest number of threads is taken", async () => {
  const { speedOf, now, measured } = machine({ 8: 40, 4: 60, 2: 35, 1: 20 });
  assert.equal(await measure(8, speedOf, now), 4);
  assert.deepEqual(measured, [8, 4, 2, 1]);
});

test("where threads wait for each other, one is", async () => {
  const { speedOf, now } = machine({ 2: 7, 1: 560 });
  assert.equal(await measure(2, speedOf, now), 1);
});

test("of equals the fewest are, without giving up speed step by step", async () => {
  const { speedOf, now } = machine({ 8: 100, 4: 95, 2: 90, 1: 85 });
  assert.equal(await measure(8, speedOf, now), 4);
});

test("a slow model is measured no longer than a second", async () => {
  const { speedOf, now, measured } = machine({ 8: 3, 4: 2, 2: 9 }, 600);
  assert.equal(await measure(8, speedOf, now), 8);
  assert.deepEqual(measured, [8, 4]);
});
