import assert from "node:assert/strict";
import { test } from "vitest";
import { capacityOf, estimateWait } from "./forecast.ts";
import { waitErrorOf } from "../health/health.ts";

const worker = {
  ...{ worker_id: "w", model: "demo", engine: "fake", model_loaded: true },
  ...{ slots: 4, tasks: ["a"], tokens_per_second: 100 },
};

test("the capacity is that of all workers, without those that have not worked yet", () => {
  const { tokens_per_second: _, ...fresh } = worker;
  assert.deepEqual(capacityOf([worker, { ...worker, tasks: [] }, fresh]), {
    ...{ free: 10, slots: 12, tokensPerSecond: 200 },
  });
  assert.deepEqual(capacityOf([]), { free: 0, slots: 0, tokensPerSecond: 0 });
});

test("a free slot is no wait", () => {
  const capacity = { free: 3, slots: 4, tokensPerSecond: 0 };
  assert.equal(estimateWait({ position: 3, tokens: 30 }, capacity), 0);
});

test("without one it waits for the tokens of those before it, less those that are free to go", () => {
  const place = { position: 10, tokens: 1_000 };
  const of = (free: number) =>
    estimateWait(place, { free, slots: 4, tokensPerSecond: 50 });
  assert.equal(of(0), 20);
  assert.equal(of(5), 10);
});

test("in a group it waits for those before it, of which so many run at once, though slots are free", () => {
  const place = {
    ...{ position: 2, tokens: 200 },
    group: { ahead: 4, usual: 100 },
  };
  const capacity = { free: 3, slots: 4, tokensPerSecond: 40 };
  assert.equal(estimateWait(place, capacity), 40);
  assert.equal(estimateWait(place, capacity, 2), 20);
  const first = { ...place, group: { ahead: 0, usual: 100 } };
  assert.equal(estimateWait(first, capacity), 0);
});

test("nothing is said where nothing is known", () => {
  const capacity = { free: 0, slots: 4, tokensPerSecond: 0 };
  const place = { position: 1, tokens: 10 };
  assert.equal(estimateWait(place, capacity), undefined);
  const known = { free: 0, slots: 4, tokensPerSecond: 5 };
  assert.equal(
    estimateWait({ position: 1, tokens: undefined }, known),
    undefined,
  );
});

test("the error is a share of the real wait, and of a second where that was less", () => {
  const waits = [
    { estimated: 0, real: 0.001 },
    { estimated: 12, real: 10 },
    { estimated: 5, real: 10 },
    { estimated: 20, real: 10 },
  ];
  assert.deepEqual(waitErrorOf(waits), { median: 0.2, p90: 1, tasks: 4 });
  assert.equal(waitErrorOf([]), undefined);
});
