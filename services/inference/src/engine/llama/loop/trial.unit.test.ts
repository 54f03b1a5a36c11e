import assert from "node:assert/strict";
import { test } from "vitest";
import { makeTrial } from "./trial.ts";

/** What a trial comes to whose batches are of the shapes that `shapeOf` says, and cost what `costOf` says. */
function gainOf(
  shapeOf: (isTried: boolean, batch: number) => string,
  costOf: (shape: string, isTried: boolean) => number,
  options?: { isKnown: boolean },
) {
  const trial = makeTrial(options);
  for (let batch = 0; batch < 10_000; batch++) {
    const { isTried } = trial;
    const shape = shapeOf(isTried, batch);
    const cost = costOf(shape, isTried);
    const gain = trial.took(shape, cost, cost);
    if (gain !== undefined) return { gain, batches: batch + 1 };
  }
  return assert.fail("it did not end");
}

const costs: Record<string, number> = { small: 2, large: 8 };

test("a number that has only cheaper batches is not faster", () => {
  const { gain } = gainOf(
    (isTried, batch) => ((batch % 5 === 0) === isTried ? "large" : "small"),
    (shape) => costs[shape]!,
  );
  assert.equal(gain, 1);
});

test("batches of several shapes are each compared with their own", () => {
  const { gain } = gainOf(
    (_, batch) => (batch % 3 === 0 ? "large" : "small"),
    (shape, isTried) => costs[shape]! / (isTried ? 1.6 : 1),
  );
  assert.ok(Math.abs(Number(gain) - 1.6) < 1e-9, `${gain}`);
});

test("a number that is slower each time is given up after a few turns", () => {
  const slower = gainOf(
    () => "small",
    (_, isTried) => (isTried ? 3 : 2),
  );
  const same = gainOf(
    () => "small",
    () => 2,
  );
  assert.ok(Number(slower.gain) < 0.7, `${slower.gain}`);
  assert.ok(slower.batches < same.batches / 2, `${slower.batches} batches`);
});

test("a number that is known to be faster is taken after one pair of turns", () => {
  const times = (isKnown: boolean) =>
    gainOf(
      () => "small",
      (_, isTried) => (isTried ? 10 : 20),
      { isKnown },
    );
  assert.deepEqual(times(true), { gain: 2, batches: 3 });
  assert.deepEqual(times(false), { gain: 2, batches: 6 });
  // One pair may have been disturbed.
  const slower = gainOf(
    () => "small",
    (_, isTried) => (isTried ? 20 : 10),
    { isKnown: true },
  );
  assert.deepEqual(slower, { gain: 0.5, batches: 6 });
});

test("a trial whose batches are never alike ends, and says so", () => {
  const { gain, batches } = gainOf(
    (_, batch) => `${batch}`,
    (_, isTried) => (isTried ? 1 : 4),
  );
  assert.equal(gain, "unlike");
  assert.ok(batches < 2_000, `${batches} batches`);
});
