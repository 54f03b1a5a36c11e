import assert from "node:assert/strict";
import { test } from "vitest";
import { makeElapsed } from "./elapsed.ts";

/** A machine whose clocks a test moves. */
function makeMachine(stopMs = 0) {
  const at = { monotonic: 1_000, wall: 1_700_000_000_000, boot: 50_000 };
  const step = (ms: number) => void (at.wall += ms);
  const sleep = (ms: number) => {
    step(ms);
    at.boot += ms;
  };
  const run = (ms: number) => {
    sleep(ms);
    at.monotonic += ms;
  };
  const stops = { wall: stopMs, boot: stopMs };
  /** The process stands still before the clock is next read. */
  const stop = (clock: "wall" | "boot", ms: number) => (stops[clock] = ms);
  const read = (clock: "wall" | "boot") => {
    run(stops[clock]);
    stop(clock, 0);
    return at[clock];
  };
  let bootReadings = 0;
  const elapsed = makeElapsed({
    monotonic: () => at.monotonic,
    wall: () => read("wall"),
    sinceBoot: () => {
      bootReadings++;
      return read("boot");
    },
  });
  return { elapsed, bootReadings: () => bootReadings, step, sleep, run, stop };
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

test("a stand-still between the readings of two clocks is no sleep", () => {
  // It stands still as the clock is made too.
  const { elapsed, run, sleep, stop } = makeMachine(4_000);
  const begin = elapsed();
  const since = () => elapsed() - begin;
  stop("wall", 2_000);
  since();
  run(1_000);
  assert.equal(since(), 3_000);
  sleep(60_000);
  stop("boot", 2_000);
  since();
  assert.equal(since(), 65_000);
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
