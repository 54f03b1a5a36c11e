import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  addHistogram,
  bucketOf,
  countIn,
  newHistogram,
  observe,
  quantile,
  sortedBuckets,
  upperBound,
} from "./histogram.ts";

/** 2^(1/8) - 1, and what rounding the bounds adds. */
const relativeError = 0.0906;
const durations = fc.array(fc.double({ min: 0, max: 4e6, noNaN: true }), {
  minLength: 1,
});
const histogramOf = (all: readonly number[]) => {
  const histogram = newHistogram();
  for (const seconds of all) observe(histogram, seconds);
  return histogram;
};

test("a bucket's bounds are those of its durations", () => {
  assert.deepEqual([0, 0.0005, 0.001].map(bucketOf), [0, 0, 0]);
  assert.deepEqual([0.0010001, 0.002, 1.024].map(bucketOf), [1, 4, 40]);
  assert.equal(bucketOf(1e12), bucketOf(1e13));
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 4e6, noNaN: true }), (seconds) => {
      const bucket = bucketOf(seconds);
      assert.ok(seconds <= upperBound(bucket) * 1.00001);
      if (bucket > 0) assert.ok(seconds > upperBound(bucket - 1) / 1.00001);
    }),
  );
});

test("a quantile is within 9.1 % of the duration of its rank", () => {
  fc.assert(
    fc.property(durations, fc.constantFrom(0, 0.5, 0.95, 1), (all, q) => {
      const rank = Math.max(1, Math.ceil(q * all.length));
      const exact = all.toSorted((a, b) => a - b)[rank - 1] ?? 0;
      const told = quantile(histogramOf(all), q) ?? NaN;
      const shown = Math.max(exact, 0.001);
      assert.ok(
        Math.abs(told - shown) <= relativeError * shown,
        `${told} for ${exact}`,
      );
    }),
  );
  assert.equal(quantile(newHistogram(), 0.5), undefined);
});

test("histograms that are added are the histogram of all", () => {
  fc.assert(
    fc.property(durations, durations, (some, others) => {
      const sum = histogramOf(some);
      addHistogram(sum, histogramOf(others));
      const all = histogramOf([...some, ...others]);
      assert.deepEqual(sortedBuckets(sum), sortedBuckets(all));
      assert.equal(countIn(sum), some.length + others.length);
      assert.ok(Math.abs(sum.sum - all.sum) <= 1e-9 * all.sum + 1e-12);
    }),
  );
});
