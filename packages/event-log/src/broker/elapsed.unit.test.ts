import assert from "node:assert/strict";
import { test } from "vitest";
import { makeElapsed } from "./elapsed.ts";

/** A machine whose clocks a test moves. */
function makeMachine() {
  const at = { monotonic: 1_000, wall: 1_700_000_000_000, boot: 50_000 };
  let bootReadings = 0;
  const elapsed = makeElapsed({
    monotonic: () => at.monotonic,
    wall: () => at.wall,
    sinceBoot: () => {
      bootReadings++;
      return at.boot;
    },
  });
  const step = (ms: number) => void (at.wall += ms);
  const sleep = (ms: number) => {
    step(ms);
    at.boot += ms;
  };
  const run = (ms: number) => {
    sleep(ms);
    at.monotonic += ms;
  };
  return { elapsed, bootReadings: () => bootReadings, step, sleep, run };
}

test("a sleep counts, and a step of the wall clock does not", () => {
  const { elapsed, run, sleep, step } = makeMachine();
  const begin = elapsed();
  const since = () => elapsed() - begin;
  run(5_000);
  assert.equal(since(), 5_000);
  sleep(60_000);
  assert.equal(since(), 65_000);
  step(3_600_000);
  run(1_000);
  assert.equal(since(), 66_000);
  step(-7_200_000);
  sleep(1_000);
  assert.equal(since(), 67_000);
});

test("the time since boot, which is slow to read, is not asked while all clocks run", () => {
  const { elapsed, bootReadings, run } = makeMachine();
  const before = bootReadings();
  for (let i = 0; i < 100; i++) {
    run(1_000);
    elapsed();
  }
  assert.equal(bootReadings(), before);
});
