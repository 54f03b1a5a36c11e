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
  let stoodStillAt = 0;
  let next: NodeJS.Immediate | undefined;
  // In each turn, before what the turn's timers put off.
  const standStill = () => {
    next = setImmediate(standStill);
    stoodStillAt = performance.now();
    compute(everyMs / 4);
  };
  standStill();
  using stack = new DisposableStack();
  stack.defer(() => clearImmediate(next));
  const { promise, resolve } = Promise.withResolvers<[number, number]>();
  stack.use(sweepEvery(everyMs, (now) => resolve([now, stoodStillAt])));
  const [now, stoodStill] = await promise;
  assert.ok(now <= stoodStill, `${now} and ${stoodStill}`);
});

test("a sweep is told by how much this process missed its time", async () => {
  using stack = new DisposableStack();
  const { promise, resolve } = Promise.withResolvers<[number, number]>();
  const since = performance.now();
  stack.use(sweepEvery(everyMs, (...told) => resolve(told)));
  compute(5 * everyMs);
  const [now, lateMs] = await promise;
  assert.ok(lateMs >= 4 * everyMs, String(lateMs));
  assert.ok(lateMs <= now - since - everyMs, String(lateMs));
});
