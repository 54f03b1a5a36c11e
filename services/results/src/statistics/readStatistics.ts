/** Rows of statistics, made of the buckets in the file. */
import type {
  AnsweredPart,
  StatisticsPart,
  StatisticsQuestion,
} from "@jetscribe/event-log/read/taskIndex";
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import {
  countIn,
  durationKinds,
  quantile,
  sortedBuckets,
  type Histogram,
  type Lane,
  type StatisticsDurations,
  type StatisticsRow,
} from "@jetscribe/schema";
import { addBucket, decodeBucket, newBucket, type Bucket } from "./bucket.ts";
import type { Buckets, StoredBucket } from "./buckets.ts";
import type { Open, OpenCounts } from "./openCounts.ts";
import { otherNames, seriesFor, type Series } from "./series.ts";

/** Rows of an answer have so many characters at most: the answer is one message. */
const maxChars = 600_000;

type Wanted = Omit<StatisticsQuestion, "created" | "seq" | "parts">;
interface Deps {
  file: Pick<OwnDatabase, "sql">;
  buckets: Pick<Buckets, "keptFrom">;
  open: OpenCounts;
}

/** What the file has has to be whole: what is only in memory is not looked at. */
export function readStatistics(
  deps: Deps,
  wanted: Wanted,
  part: StatisticsPart,
): AnsweredPart {
  const of = wanted.owner === undefined ? "model" : "owner";
  const series = seriesFor(part.step, of);
  if (series === undefined) return { ...part, to: part.from, rows: [] };
  const { step } = part;
  const kept = Math.ceil(deps.buckets.keptFrom(series) / step) * step;
  const range = { ...part, from: Math.max(part.from, kept) };
  if (range.from >= range.to) return { ...part, from: part.to, rows: [] };
  const rows = [...groups(deps.file, series, range, wanted)].flatMap(
    ([name, group]) =>
      rowsOf(group, range, openNow(deps.open, name, wanted)).map((row) =>
        named(row, name, wanted),
      ),
  );
  return cut({ ...range, rows: rows.sort((a, b) => a.time - b.time) });
}

function read(
  { sql }: Deps["file"],
  { number }: Series,
  { from, to }: StatisticsPart,
  owner: string | undefined,
): StoredBucket[] {
  const found =
    owner === undefined
      ? sql.all`SELECT name, start, waiting, running, data FROM statistics
          WHERE series = ${number} AND start >= ${from} AND start < ${to}`
      : sql.all`SELECT name, start, waiting, running, data FROM statistics INDEXED BY statistics_of_owners
          WHERE series >= 3 AND series = ${number} AND name = ${owner} AND start >= ${from} AND start < ${to}`;
  return found as unknown as StoredBucket[];
}

/** How many more tasks wait and run now than at a time, by name: what waited then follows from what waits now. */
function changesSince(
  { sql }: Deps["file"],
  { number }: Series,
  time: number,
  owner: string | undefined,
): (Open & { name: string })[] {
  const found =
    owner === undefined
      ? sql.all`SELECT name, sum(waiting) AS waiting, sum(running) AS running FROM statistics
          WHERE series = ${number} AND start >= ${time} GROUP BY name`
      : sql.all`SELECT name, sum(waiting) AS waiting, sum(running) AS running FROM statistics INDEXED BY statistics_of_owners
          WHERE series >= 3 AND series = ${number} AND name = ${owner} AND start >= ${time} GROUP BY name`;
  return found as unknown as (Open & { name: string })[];
}

interface Group {
  /** By their starts. */
  steps: Map<number, Bucket>;
  /** How many more tasks wait and run now than at the end of the range. */
  since: Open;
}

const newGroup = (): Group => ({
  steps: new Map(),
  since: { waiting: 0, running: 0 },
});

/** By model and lane, or "" for all together. */
function groups(
  file: Deps["file"],
  series: Series,
  range: StatisticsPart,
  wanted: Wanted,
): Map<string, Group> {
  const all = new Map(wanted.byModel ? [] : [["", newGroup()]]);
  const groupOf = (name: string): Group => {
    const key = wanted.byModel ? name : "";
    const group = all.get(key) ?? newGroup();
    all.set(key, group);
    return group;
  };
  for (const row of read(file, series, range, wanted.owner)) {
    if (!isMeant(row.name, wanted)) continue;
    const { steps } = groupOf(row.name);
    const start = row.start - (row.start % range.step);
    const bucket = steps.get(start) ?? newBucket();
    addBucket(bucket, decodeBucket(row.data, row));
    steps.set(start, bucket);
  }
  for (const one of changesSince(file, series, range.to, wanted.owner)) {
    if (!isMeant(one.name, wanted)) continue;
    const { since } = groupOf(one.name);
    since.waiting += one.waiting;
    since.running += one.running;
  }
  return all;
}

function isMeant(name: string, { owner, model, lane }: Wanted): boolean {
  if (owner !== undefined) return name === owner;
  const [itsModel, itsLane] = name.split(" ");
  return (model ?? itsModel) === itsModel && (lane ?? itsLane) === itsLane;
}

const openNow = (open: OpenCounts, name: string, wanted: Wanted): Open =>
  open.sum(wanted.owner === undefined ? "model" : "owner", (one) =>
    name === "" ? isMeant(one, wanted) : one === name,
  );

/** From the last step to the first: what waited at the end of a step follows from the one behind it. */
function rowsOf(
  { steps, since }: Group,
  { from }: StatisticsPart,
  now: Open,
): [row: Omit<StatisticsRow, "model" | "lane">, Bucket][] {
  let waiting = now.waiting - since.waiting;
  let running = now.running - since.running;
  if (!steps.has(from)) steps.set(from, newBucket());
  return [...steps]
    .sort(([a], [b]) => b - a)
    .map(([time, bucket]) => {
      const { counts, failures } = bucket;
      // Tasks that left the log without an outcome are not told.
      const at = {
        waiting: Math.max(0, waiting),
        running: Math.max(0, running),
      };
      waiting -= bucket.waiting;
      running -= bucket.running;
      return [{ time, ...counts, failures, ...at }, bucket];
    });
}

function named(
  [row, { durations }]: ReturnType<typeof rowsOf>[number],
  name: string,
  { histograms = false }: Wanted,
): StatisticsRow {
  const told = durationKinds.flatMap((kind) => {
    const histogram = durations[kind];
    return histogram ? [[kind, durationsOf(histogram, histograms)]] : [];
  });
  const [model = "", lane] = name.split(" ");
  const { time, ...counts } = row;
  return {
    time,
    ...(name !== "" && { model }),
    ...(name !== "" && name !== otherNames && { lane: lane as Lane }),
    ...counts,
    ...(Object.fromEntries(told) as Partial<StatisticsRow>),
  };
}

function durationsOf(
  histogram: Histogram,
  whole: boolean,
): StatisticsDurations {
  const at = (q: number) => quantile(histogram, q) ?? 0;
  return {
    ...{ count: countIn(histogram), sum: histogram.sum },
    ...{ p50: at(0.5), p95: at(0.95), p99: at(0.99) },
    ...(whole && { histogram: sortedBuckets(histogram) }),
  };
}

/** Whole steps, so many as one answer holds; one at least. */
function cut(part: AnsweredPart): AnsweredPart {
  let chars = 0;
  const { rows, from } = part;
  for (const row of rows) {
    chars += JSON.stringify(row).length;
    const { time } = row;
    if (chars < maxChars || time === from) continue;
    return { ...part, to: time, rows: rows.filter((one) => one.time < time) };
  }
  return part;
}
