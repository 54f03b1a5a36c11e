import assert from "node:assert/strict";
import { test } from "vitest";
import { makePace } from "./pace.ts";

test("up to 200 events a second frames are 50 ms apart, above 250 ms, until a second with fewer has passed", () => {
  let now = 0;
  const pace = makePace(() => now);
  assert.equal(pace.dueInMs(), 0);
  pace.noteFrame();
  for (let i = 0; i < 199; i++) pace.noteEvent();
  assert.deepEqual([pace.isBusy(), pace.dueInMs()], [false, 50]);
  now = 30;
  pace.noteEvent();
  assert.deepEqual([pace.isBusy(), pace.dueInMs()], [true, 220]);
  now = 250;
  assert.equal(pace.dueInMs(), 0);
  now = 999;
  assert.equal(pace.isBusy(), true);
  now = 1_000;
  assert.equal(pace.isBusy(), false);
});

test("however events come, five deltas take a second", () => {
  let now = 0;
  const pace = makePace(() => now);
  const deltas: number[] = [];
  for (; now < 20_000; now++) {
    // Bursts of very different lengths.
    if (now % 700 < (now / 20) % 300) pace.noteEvent();
    if (pace.dueInMs() > 0) continue;
    if (pace.isBusy()) deltas.push(now);
    pace.noteFrame();
  }
  assert.ok(deltas.length > 20);
  for (let i = 4; i < deltas.length; i++)
    assert.ok((deltas[i] ?? 0) - (deltas[i - 4] ?? 0) >= 1_000);
});
