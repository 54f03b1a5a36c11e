import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { cover, seriesFor, type Series } from "./series.ts";

const day = 86_400;
const aligned = (time: number, step: number) => Math.floor(time / step) * step;

test("a range is covered without a gap, by steps that are there, and by few of them", () => {
  const anyStep = fc.constantFrom(10, 60, 300, 3_600, day);
  const times = fc.record({
    step: anyStep,
    from: fc.nat(7 * day),
    length: fc.nat(7 * day),
    latest: fc.nat(8 * day),
  });
  fc.assert(
    fc.property(times, ({ step, from, length, latest }) => {
      const endOf = ({ sumOf, step }: Series) =>
        sumOf === undefined ? Infinity : aligned(latest, step);
      const range = {
        from: aligned(from, step),
        to: aligned(Math.min(from + length, latest + step), step),
      };
      const covered = cover(seriesFor(step, "model"), range, endOf);
      if (range.from >= range.to) return assert.deepEqual(covered, []);
      let at = range.from;
      let buckets = 0;
      for (const { series, from, to } of covered) {
        assert.equal(from, at);
        assert.ok(to > from && to <= endOf(series));
        assert.deepEqual([from % series.step, to % series.step], [0, 0]);
        assert.equal(step % series.step, 0);
        at = to;
        buckets += (to - from) / series.step;
      }
      assert.equal(at, range.to);
      // Hours, and what is not added up at the end: of an hour, of five minutes and of a minute.
      const perStep = Math.max(1, Math.min(step, 3_600));
      const most = (range.to - range.from) / perStep + 12 + 5 + step / 10;
      if (step <= 3_600) assert.ok(buckets <= most, `${buckets} of ${most}`);
    }),
  );
});

test("the steps of one owner's minutes and hours are there at once", () => {
  const [hours, minutes] = seriesFor(3_600, "owner");
  assert.deepEqual([hours?.step, minutes?.step], [3_600, 60]);
  assert.deepEqual(
    seriesFor(300, "owner").map(({ step }) => step),
    [60],
  );
  assert.deepEqual(seriesFor(10, "owner"), []);
});
