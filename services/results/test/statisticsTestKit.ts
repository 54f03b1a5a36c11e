/** Statistics as they ought to be: counted from events by `evolve`, one by one, without buckets. */
import {
  evolve,
  kinds,
  type DurationKind,
  type Queue,
  type RecordedEvent,
  type StatisticsRow,
  type TaskState,
} from "@jetscribe/schema";
import assert from "node:assert/strict";

export interface Told {
  event: RecordedEvent;
  /** Of its task. */
  queue: Queue;
}

export interface Range {
  from: number;
  to: number;
  step: number;
}

type Counted = Omit<StatisticsRow, "failures" | DurationKind> & {
  failures: Record<string, number>;
  /** Each in seconds. */
  durations: Record<string, number[]>;
};

const emptyRow = (time: number): Counted => ({
  ...{ time, accepted: 0, started: 0, retried: 0 },
  ...{ completed: 0, failed: 0, cancelled: 0, failures: {} },
  ...{ prompt_tokens: 0, completion_tokens: 0, waiting: 0, running: 0 },
  durations: {},
});

/** Rows of all steps, also of those in which nothing happened. `isMeant`: whose events count. */
export function countedRows(
  told: readonly Told[],
  { from, to, step }: Range,
  isMeant: (queue: Queue) => boolean = () => true,
): Counted[] {
  const states = new Map<string, TaskState | undefined>();
  const length = Math.round((to - from) / step);
  const rows = Array.from({ length }, (_, i) => emptyRow(from + i * step));
  /** The rows of steps that have not ended. */
  let ahead = rows;
  function end(time: number): void {
    const isOver = (row: Counted) => row.time + step <= time;
    for (const row of ahead.filter(isOver))
      for (const state of states.values()) {
        if (state?.status === "queued") row.waiting++;
        if (state?.status === "processing") row.running++;
      }
    ahead = ahead.filter((row) => !isOver(row));
  }
  for (const { event, queue } of told) {
    if (!isMeant(queue)) continue;
    end(event.time);
    const { task_id } = event.data;
    const before = states.get(task_id);
    const after = evolve(before, event);
    states.set(task_id, after);
    const row = ahead.find(({ time }) => event.time >= time);
    if (after !== before && row !== undefined) countInto(row, before, event);
  }
  end(Infinity);
  return rows;
}

function countInto(
  row: Counted,
  before: TaskState | undefined,
  { type, data }: RecordedEvent,
): void {
  const { word } = kinds[type];
  row[word === "requested" ? "accepted" : word]++;
  if (!("metrics" in data)) return;
  const { metrics } = data;
  row.prompt_tokens += metrics.prompt_tokens;
  row.completion_tokens += metrics.completion_tokens;
  if ("error" in data)
    row.failures[data.error.type] = (row.failures[data.error.type] ?? 0) + 1;
  const { queue_wait_time, processing_time, time_to_first_token } = metrics;
  const { enqueue_time = 0, not_before = 0, first_start } = before ?? {};
  const ahead = Math.max(0, not_before - enqueue_time);
  const wait = Math.max(0, queue_wait_time - ahead);
  const note = (kind: DurationKind, seconds: number | undefined) => {
    if (seconds !== undefined) (row.durations[kind] ??= []).push(seconds);
  };
  note("total", wait + processing_time);
  if (first_start === undefined) return;
  note("wait", wait);
  note("processing", processing_time);
  note("first_token", time_to_first_token);
}

/** With the rows of steps in which nothing happened, as a page fills them in. */
export function filled(
  rows: readonly StatisticsRow[],
  { from, to, step }: Range,
): StatisticsRow[] {
  const all: StatisticsRow[] = [];
  for (let time = from; time < to; time += step) {
    const { waiting = 0, running = 0 } = all.at(-1) ?? {};
    const { durations: _, ...zeros } = emptyRow(time);
    const empty = { ...zeros, waiting, running };
    all.push(rows.find((row) => row.time === time) ?? empty);
  }
  return all;
}

/** `withDurations`: not of one owner. */
export function assertCounted(
  rows: readonly StatisticsRow[],
  counted: readonly Counted[],
  range: Range,
  withDurations = true,
): void {
  const told = filled(rows, range);
  assert.equal(told.length, counted.length);
  for (const [i, row] of told.entries()) {
    const { durations: exact, ...counts } = counted[i]!;
    const { wait, first_token, processing, total, ...own } = row;
    const { model: _, lane: __, ...plain } = own;
    assert.deepEqual(plain, counts);
    const of = { wait, first_token, processing, total };
    for (const [kind, histogram] of Object.entries(of)) {
      const all = withDurations ? (exact[kind] ?? []) : [];
      assert.equal(histogram?.count ?? 0, all.length, kind);
      if (histogram === undefined) continue;
      const sum = all.reduce((sum, seconds) => sum + seconds, 0);
      assert.ok(Math.abs(histogram.sum - sum) <= 1e-6 * (1 + sum), kind);
      for (const [name, q] of [
        ["p50", 0.5],
        ["p95", 0.95],
        ["p99", 0.99],
      ] as const) {
        const sorted = all.toSorted((a, b) => a - b);
        const at = sorted[Math.max(1, Math.ceil(q * all.length)) - 1] ?? 0;
        const shown = Math.max(at, 0.001);
        assert.ok(Math.abs(histogram[name] - shown) <= 0.0906 * shown, kind);
      }
    }
  }
}
