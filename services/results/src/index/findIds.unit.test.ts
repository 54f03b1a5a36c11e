import assert from "node:assert/strict";
import { test } from "vitest";
import { findIds, type Search } from "./findIds.ts";
import { highest, lowest, type Range } from "./idsOf.ts";

const hex = (id: number) => id.toString(16).padStart(32, "0");

/** Ranges of so many ids each, in turns, and a search that finds some and counts what it looked at. */
function rangesOf(sizes: readonly number[], isFound: (id: string) => boolean) {
  const ids = sizes.map((size, queue) =>
    Array.from({ length: size }, (_, i) => hex((size - i) * 10_000 + queue)),
  );
  const ranges = sizes.map((_, queue): Range => ({ queue, status: 0, above: lowest, below: highest })); // prettier-ignore
  const work = { looked: 0, calls: 0 };
  const search: Search = ({ queue, above, below }, { most, looks }) => {
    const part = (ids[queue] ?? [])
      .filter((id) => id > above && id < below)
      .slice(0, looks);
    work.looked += part.length;
    work.calls++;
    const end = part.length < looks ? lowest : (part.at(-1) ?? lowest);
    return { ids: part.filter(isFound).slice(0, most), end, looked: part.length }; // prettier-ignore
  };
  return { ranges, search, work };
}

const budget = { looks: 10_000, least: 1 };

test("2,000 full ranges are not looked into more often than the budget says, beyond once each", () => {
  const sizes = Array.from({ length: 2_000 }, () => 200);
  const { ranges, search, work } = rangesOf(sizes, () => false);
  const { ids, seenDownTo } = findIds(search, ranges, 101, budget);
  assert.deepEqual(ids, []);
  assert.ok(seenDownTo > lowest);
  assert.equal(work.looked, 12_000);
});

test("one full range among empty ones has the whole budget, in a few searches", () => {
  const sizes = Array.from({ length: 400 }, (_, i) => (i === 7 ? 9_000 : 0));
  const { ranges, search, work } = rangesOf(sizes, (id) => id === hex(10_007));
  const found = findIds(search, ranges, 101, budget);
  assert.deepEqual(found, { ids: [hex(10_007)], seenDownTo: lowest });
  assert.equal(work.looked, 9_000);
  assert.ok(work.calls < 420, `${work.calls}`);
});

test("once a page is full, nothing below it is looked at", () => {
  const sizes = Array.from({ length: 100 }, () => 200);
  const { ranges, search, work } = rangesOf(sizes, () => true);
  const { ids } = findIds(search, ranges, 101, budget);
  assert.equal(ids.length, 101);
  assert.ok(ids.every((id) => id > hex(1_980_000)));
  assert.ok(work.looked < 3_000, `${work.looked}`);
});

test("the range with the newest ids has the budget, as far as the others are older", () => {
  const sizes = Array.from({ length: 100 }, (_, i) => (i === 0 ? 20_000 : 200));
  const { ranges, search } = rangesOf(sizes, () => false);
  const { seenDownTo } = findIds(search, ranges, 101, budget);
  assert.equal(seenDownTo, hex(10_000 * 10_000));
});
