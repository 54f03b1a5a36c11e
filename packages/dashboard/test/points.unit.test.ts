import type { StatisticsRow } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  chartsOf,
  pointsOf,
  rateOf,
  said,
  withRows,
  type Rows,
} from "../src/now/charts/points.ts";

const row = (time: number, over: Partial<StatisticsRow> = {}) => ({
  ...{ time, accepted: 0, started: 0, retried: 0 },
  ...{ completed: 0, failed: 0, cancelled: 0, failures: {} },
  ...{ prompt_tokens: 0, completion_tokens: 0, waiting: 0, running: 0 },
  ...over,
});
const rowsOf = (...rows: StatisticsRow[]) =>
  withRows(new Map(), { seq: 1, steps: [{ step: 10, rows }] }, 1_000);
const ofTen = (all: Rows) => all.get(10) ?? new Map<number, never>();

test("a row is replaced by one that knows more of the log, in whatever order they come", () => {
  const told = (seq: number, completed: number) => ({
    seq,
    steps: [{ step: 10, rows: [row(990, { completed })] }],
  });
  for (const order of [
    [told(5, 1), told(9, 2)],
    [told(9, 2), told(5, 1)],
  ]) {
    const all = order.reduce<Rows>(
      (rows, news) => withRows(rows, news, 1_000),
      new Map(),
    );
    assert.equal(ofTen(all).get(990)?.row.completed, 2);
  }
});

test("rows that no range shows any more go, but for the one that says what waited before", () => {
  const all = rowsOf(row(60), row(80), row(100), row(990));
  assert.deepEqual([...ofTen(all).keys()], [80, 100, 990]);
});

test("steps without a row have what waited in the one before, also where that is older than the range", () => {
  const rows = ofTen(
    rowsOf(row(940, { waiting: 7, running: 2 }), row(980, { waiting: 3 })),
  );
  const points = pointsOf(rows, { seconds: 40, step: 10 }, 1_004);
  assert.deepEqual(
    points.map(({ at, waiting, running }) => [at, waiting, running]),
    [
      [970, 7, 2],
      [980, 7, 2],
      [990, 3, 0],
      [1_000, 3, 0],
      [1_004, 3, 0],
    ],
  );
});

test("a rate is of the part of the step that is over, and none of one that has just begun", () => {
  const rows = ofTen(rowsOf(row(1_000, { completed: 8 })));
  const rateAt = (nowS: number) => {
    const point = pointsOf(rows, { seconds: 10, step: 10 }, nowS).at(-1);
    return point && rateOf(point, 10, ({ completed }) => completed);
  };
  assert.deepEqual([1_001, 1_004, 1_009].map(rateAt), [null, 2, 8 / 9]);
});

test("failures have a line for each type, and waits are there for a key that has durations", () => {
  const failures = { TimeoutError: 2, ExpiredError: 1 };
  const points = pointsOf(
    ofTen(rowsOf(row(990, { failures, failed: 3 }))),
    { seconds: 20, step: 10 },
    1_000,
  );
  const titles = (withWaits: boolean) =>
    chartsOf(points, 10, withWaits).map(({ title }) => title);
  assert.ok(titles(true).includes("Wait until the start"));
  assert.ok(!titles(false).includes("Wait until the start"));
  const last = chartsOf(points, 10, true).at(-1);
  assert.deepEqual(
    last?.lines.map(({ label, values }) => [label, values]),
    [
      ["ExpiredError", [0, 1]],
      ["TimeoutError", [0, 2]],
    ],
  );
});

test("up to the end of a step its point is the last", () => {
  const rows = ofTen(rowsOf(row(990, { completed: 1 }), row(1_000)));
  const points = pointsOf(rows, { seconds: 20, step: 10 }, 1_000);
  assert.deepEqual(
    points.map(({ at, row }) => [at, row?.completed]),
    [
      [990, undefined],
      [1_000, 1],
    ],
  );
});

test("values are said as people read them", () => {
  assert.deepEqual(
    [said(0, "/s"), said(1_234.5, "/s"), said(1.234, "/s"), said(12.34, "/s")],
    ["0/s", "1,235/s", "1.23/s", "12.3/s"],
  );
  assert.deepEqual(
    [said(1_200, "tasks"), said(0.25, "seconds"), said(null, "tasks")],
    ["1,200", "250 ms", "–"],
  );
});
