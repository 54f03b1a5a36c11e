/** The buckets of the statistics: those of the latest steps are in memory, and in the file all that are kept. */
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { Queue } from "@jetscribe/schema";
import {
  addBucket,
  addStored,
  encodeBucket,
  newBucket,
  type Bucket,
} from "./bucket.ts";
import { keepNewest } from "./keepNewest.ts";
import { makeNames } from "./names.ts";
import { allSeries, type Covered, type Kept, type Series } from "./series.ts";

export const statisticsSchema = `
  CREATE TABLE statistics (
    series INTEGER, start INTEGER, name TEXT, waiting INTEGER NOT NULL, running INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (series, start, name)) STRICT, WITHOUT ROWID;
  CREATE INDEX statistics_of_owners ON statistics (name, series, start) WHERE series >= 5`;

export interface StoredBucket {
  name: string;
  /** In seconds since the epoch. */
  start: number;
  waiting: number;
  running: number;
  data: string;
}

/** A step's buckets by their names. */
export type Step = Map<string, Bucket>;

/** The buckets of a range, in the order of their steps. */
export const storedIn = (
  { sql }: Pick<OwnDatabase, "sql">,
  { series, from, to }: Covered,
): Iterable<StoredBucket> =>
  sql.iterate`SELECT name, start, waiting, running, data FROM statistics
    WHERE series = ${series.number} AND start >= ${from} AND start < ${to}
    ORDER BY start, name` as unknown as Iterable<StoredBucket>;

const beginOf = ({ step }: Series, time: number): number =>
  Math.floor(time / step) * step;

export type Buckets = ReturnType<typeof openBuckets>;

export function openBuckets(file: OwnDatabase, kept: Kept) {
  const { db, sql } = file;
  /** When the latest event was stored, in seconds since the epoch. */
  let latest = Number(
    sql.get`SELECT max(start) AS latest FROM statistics`?.["latest"] ?? 0,
  );
  /** By its series and start; each is whole. */
  const steps = allSeries.map((series) => ({
    series,
    byStart: new Map<number, Step>(),
    /** The buckets that the file does not have so. */
    changed: new Map<number, Set<string>>(),
    /** The beginning of the first step that was not added up yet, in seconds since the epoch; of others no time. */
    addedUpTo: series.sumOf === undefined ? Infinity : beginOf(series, latest),
  }));
  type OfSeries = (typeof steps)[number];
  const names = makeNames(file);
  const put = db.prepare(
    "INSERT OR REPLACE INTO statistics VALUES (?, ?, ?, ?, ?, ?)",
  );
  let removedAt = 0;

  function stepAt({ series, byStart }: OfSeries, start: number): Step {
    const known = byStart.get(start);
    if (known !== undefined) return known;
    const step: Step = new Map();
    byStart.set(start, step);
    const range = { series, from: start, to: start + series.step };
    for (const row of storedIn(file, range)) addTo(step, row);
    return step;
  }

  function addIn(of: OfSeries, at: number, queue: Queue, more: Bucket) {
    const { series, changed, addedUpTo } = of;
    const start = at - (at % series.step);
    // A step that is added up later has the event then; one that was added up is met again where a clock was set back.
    if (series.sumOf !== undefined && start >= addedUpTo) return;
    const name = names.nameAt(series.of, at, queue);
    const bucket = bucketIn(stepAt(of, start), name);
    addBucket(bucket, more, { withDurations: series.of === "model" });
    const those = changed.get(start) ?? new Set();
    changed.set(start, those.add(name));
  }

  function putBucket(
    { number }: Series,
    start: number,
    name: string,
    bucket: Bucket,
  ) {
    const { waiting, running } = bucket;
    put.run(number, start, name, waiting, running, encodeBucket(bucket));
  }

  function putChanged(of: OfSeries): void {
    const { series, byStart, changed } = of;
    if (changed.size === 0) return;
    for (const [start, names] of changed)
      for (const name of names)
        putBucket(series, start, name, bucketIn(stepAt(of, start), name));
    changed.clear();
    keepNewest(byStart);
  }

  /** Adds up the steps that are over by now. */
  function addUp(of: OfSeries): void {
    const { series, addedUpTo: from } = of;
    const shorter = allSeries.find(({ number }) => number === series.sumOf);
    const to = beginOf(series, latest);
    if (shorter === undefined || to <= from) return;
    const sums = new Map<number, Step>();
    for (const row of storedIn(file, { series: shorter, from, to })) {
      const start = beginOf(series, row.start);
      const step = sums.get(start) ?? new Map<string, Bucket>();
      sums.set(start, step);
      addTo(step, row);
    }
    for (const [start, step] of sums)
      for (const [name, bucket] of step) putBucket(series, start, name, bucket);
    of.addedUpTo = to;
  }

  /** By the log's time, so that a log that is read again comes to the same. What is to be added up yet stays. */
  function removeOld(): void {
    const minute = Math.floor(latest / 60);
    if (minute === removedAt) return;
    removedAt = minute;
    for (const { number, kept: name } of allSeries) {
      const next = steps.find(({ series }) => series.sumOf === number);
      const before = latest - kept[name] / 1_000;
      sql.run`DELETE FROM statistics WHERE series = ${number} AND start < ${Math.min(before, next?.addedUpTo ?? before)}`;
    }
  }

  return {
    /** When the latest event was stored, in seconds since the epoch; 0: not known. */
    latest: () => latest,
    /** Adds what came of a queue in one of the shortest steps; `at`: when the latest of it was stored, in seconds since the epoch. */
    add(at: number, queue: Queue, more: Bucket): void {
      const second = Math.floor(at);
      for (const of of steps) addIn(of, second, queue, more);
      latest = Math.max(latest, at);
    },
    /** Writes what changed. To be called in a transaction with the place in the log. */
    write(): void {
      steps.forEach(putChanged);
      steps.forEach(addUp);
      names.written();
      removeOld();
    },
    restart(): void {
      db.exec("DELETE FROM statistics");
      latest = 0;
      removedAt = 0;
      names.clear();
      for (const of of steps) {
        of.byStart.clear();
        of.changed.clear();
        if (of.series.sumOf !== undefined) of.addedUpTo = 0;
      }
    },
    /** The beginning of what is kept, in seconds since the epoch. */
    keptFrom: ({ kept: name, step }: Series): number =>
      Math.ceil(Math.max(0, latest - kept[name] / 1_000) / step) * step,
    /** Up to which time the file has a series' buckets, in seconds since the epoch. */
    endOf: (series: Series): number =>
      steps.find((one) => one.series === series)?.addedUpTo ?? Infinity,
  };
}

/** The bucket of a name; it is made where there is none. */
export function bucketIn(step: Step, name: string): Bucket {
  let bucket = step.get(name);
  if (bucket === undefined) step.set(name, (bucket = newBucket()));
  return bucket;
}

const addTo = (step: Step, row: StoredBucket): void =>
  addStored(bucketIn(step, row.name), row);
