/** Rows of statistics, made of the buckets in the file. */
import type {
  AnsweredPart,
  StatisticsPart,
  StatisticsQuestion,
} from "@jetscribe/event-log/read/taskIndex";
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { StatisticsRow } from "@jetscribe/schema";
import { addStored, type Bucket } from "./bucket.ts";
import {
  bucketIn,
  storedIn,
  type Buckets,
  type Step,
  type StoredBucket,
} from "./buckets.ts";
import type { Open, OpenCounts } from "./openCounts.ts";
import { rowOf } from "./rowOf.ts";
import { cover, seriesFor, type Covered } from "./series.ts";

/** Rows of an answer have so many characters at most, but for one whole step: the answer is one message. */
const maxChars = 600_000;

type Wanted = Omit<StatisticsQuestion, "created" | "seq" | "parts">;
interface Deps {
  file: Pick<OwnDatabase, "sql">;
  buckets: Pick<Buckets, "keptFrom" | "endOf">;
  open: OpenCounts;
}

/** What the file has has to be whole: what is only in memory is not looked at. It reads no more than it tells. */
export function readStatistics(
  deps: Deps,
  wanted: Wanted,
  part: StatisticsPart,
): AnsweredPart {
  const { step } = part;
  const [series] = seriesFor(step, ofWhat(wanted));
  if (series === undefined) return { ...part, to: part.from, rows: [] };
  const kept = Math.ceil(deps.buckets.keptFrom(series) / step) * step;
  const range = { ...part, from: Math.max(part.from, kept) };
  if (range.from >= range.to) return { ...part, from: part.to, rows: [] };
  const open = openAt(deps, range.from, wanted);
  const told: StatisticsRow[] = [];
  let chars = 0;
  for (const [time, buckets] of stepsIn(deps, range, wanted)) {
    // The first step has a row of each group.
    if (time === range.from)
      for (const name of open.keys()) bucketIn(buckets, name);
    const rows = [...buckets].map(
      ([name, bucket]) =>
      rowOf(time, name, bucket, move(open, name, bucket), wanted.histograms === true), // prettier-ignore
    );
    chars += JSON.stringify(rows).length;
    if (chars >= maxChars && time > range.from)
      return { ...range, to: time, rows: told };
    told.push(...rows);
  }
  return { ...range, rows: told };
}

const ofWhat = ({ owner }: Wanted) => (owner === undefined ? "model" : "owner");

/** What a bucket's tasks are told with: their model and lane, or "" for all together; undefined: they are not meant. */
function groupOf(name: string, wanted: Wanted): string | undefined {
  if (!isMeant(name, wanted)) return undefined;
  return wanted.byModel ? name : "";
}

function isMeant(name: string, { owner, model, lane }: Wanted): boolean {
  if (owner !== undefined) return name === owner;
  if (model === undefined && lane === undefined) return true;
  const [itsModel, itsLane] = name.split(" ");
  return (model ?? itsModel) === itsModel && (lane ?? itsLane) === itsLane;
}

/** The steps in which something happened, and the first one, in their order: the buckets of each, by group. */
function* stepsIn(
  { file, buckets: { endOf } }: Deps,
  range: StatisticsPart,
  wanted: Wanted,
): Generator<[time: number, Step]> {
  let time = range.from;
  let step: Step = new Map();
  const series = seriesFor(range.step, ofWhat(wanted));
  for (const covered of cover(series, range, endOf))
    for (const row of read(file, covered, wanted)) {
      const group = groupOf(row.name, wanted);
      if (group === undefined) continue;
      const start = row.start - (row.start % range.step);
      if (start > time) {
        yield [time, step];
        time = start;
        step = new Map();
      }
      addStored(bucketIn(step, group), row);
    }
  yield [time, step];
}

/** The buckets of a range, of all models and lanes or of an owner, in the order of their steps. */
const read = (
  file: Deps["file"],
  range: Covered,
  { owner }: Wanted,
): Iterable<StoredBucket> =>
  owner === undefined
    ? storedIn(file, range)
    : (file.sql
        .iterate`SELECT name, start, waiting, running, data FROM statistics INDEXED BY statistics_of_owners
          WHERE series >= 5 AND series = ${range.series.number} AND name = ${owner} AND start >= ${range.from} AND start < ${range.to}
          ORDER BY start` as unknown as Iterable<StoredBucket>);

/** What waited and ran at a time, by group: it follows from what waits and runs now, without a count of every step. */
function openAt(
  { file, buckets, open }: Deps,
  time: number,
  wanted: Wanted,
): Map<string, Open> {
  const of = ofWhat(wanted);
  const now = (group: string): Open =>
    open.sum(of, (name) =>
      group === "" ? isMeant(name, wanted) : name === group,
    );
  const all = new Map(wanted.byModel ? [] : [["", now("")]]);
  const since = { from: time, to: Infinity };
  for (const covered of cover(seriesFor(0, of), since, buckets.endOf))
    for (const { name, waiting, running } of changesIn(file, covered, wanted)) {
      const group = groupOf(name, wanted);
      if (group === undefined) continue;
      const then = all.get(group) ?? now(group);
      then.waiting -= waiting;
      then.running -= running;
      all.set(group, then);
    }
  return all;
}

/** How many more tasks wait and run at the end of a range than at its beginning, by name. */
function changesIn(
  { sql }: Deps["file"],
  { series: { number }, from, to }: Covered,
  { owner }: Wanted,
): (Open & { name: string })[] {
  const found =
    owner === undefined
      ? sql.all`SELECT name, sum(waiting) AS waiting, sum(running) AS running FROM statistics
          WHERE series = ${number} AND start >= ${from} AND start < ${to} GROUP BY name`
      : sql.all`SELECT name, sum(waiting) AS waiting, sum(running) AS running FROM statistics INDEXED BY statistics_of_owners
          WHERE series >= 5 AND series = ${number} AND name = ${owner} AND start >= ${from} AND start < ${to} GROUP BY name`;
  return found as unknown as (Open & { name: string })[];
}

/** To the end of a step. */
function move(open: Map<string, Open>, name: string, bucket: Bucket): Open {
  const before = open.get(name) ?? { waiting: 0, running: 0 };
  const after = {
    waiting: before.waiting + bucket.waiting,
    running: before.running + bucket.running,
  };
  open.set(name, after);
  return after;
}
