/** The buckets of the statistics: those of the latest steps are in memory, and in the file all that are kept. */
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { Queue } from "@jetscribe/schema";
import {
  count,
  decodeBucket,
  encodeBucket,
  newBucket,
  time,
  type Bucket,
  type Change,
} from "./bucket.ts";
import {
  allSeries,
  nameIn,
  otherNames,
  type Kept,
  type Series,
} from "./series.ts";

export const statisticsSchema = `
  CREATE TABLE statistics (
    series INTEGER, start INTEGER, name TEXT, waiting INTEGER NOT NULL, running INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (series, start, name)) STRICT, WITHOUT ROWID;
  CREATE INDEX statistics_of_owners ON statistics (name, series, start) WHERE series >= 3`;

export interface StoredBucket {
  name: string;
  /** In seconds since the epoch. */
  start: number;
  waiting: number;
  running: number;
  data: string;
}

/** A step's buckets by their names. */
type Step = Map<string, Bucket>;

export type Buckets = ReturnType<typeof openBuckets>;

export function openBuckets({ db, sql }: OwnDatabase, kept: Kept) {
  /** By its series and start; each is whole. */
  const steps = allSeries.map((series) => ({
    series,
    byStart: new Map<number, Step>(),
    /** The buckets that the file does not have so. */
    changed: new Map<number, Set<string>>(),
  }));
  type OfSeries = (typeof steps)[number];
  const put = db.prepare(
    "INSERT OR REPLACE INTO statistics VALUES (?, ?, ?, ?, ?, ?)",
  );
  /** When the latest event was stored, in seconds since the epoch. */
  let latest = Number(
    sql.get`SELECT max(start) AS latest FROM statistics`?.["latest"] ?? 0,
  );
  let removedAt = 0;

  function stepAt({ series, byStart }: OfSeries, start: number): Step {
    const known = byStart.get(start);
    if (known !== undefined) return known;
    const rows =
      sql.all`SELECT name, start, waiting, running, data FROM statistics
        WHERE series = ${series.number} AND start = ${start}` as unknown as StoredBucket[];
    const step = new Map(
      rows.map((row) => [row.name, decodeBucket(row.data, row)]),
    );
    byStart.set(start, step);
    return step;
  }

  function noteIn(of: OfSeries, at: number, queue: Queue, change: Change) {
    const { series, changed } = of;
    const start = at - (at % series.step);
    const step = stepAt(of, start);
    const own = nameIn(series, queue);
    const hasRoom = step.has(own) || step.size < series.maxNames;
    const name = hasRoom ? own : otherNames;
    let bucket = step.get(name);
    if (bucket === undefined) step.set(name, (bucket = newBucket()));
    count(bucket, change);
    if (series.of === "model") time(bucket, change);
    const names = changed.get(start) ?? new Set();
    changed.set(start, names.add(name));
  }

  function putStep({ series, byStart }: OfSeries, start: number, name: string) {
    const bucket = byStart.get(start)?.get(name);
    if (bucket === undefined) return;
    const { waiting, running } = bucket;
    const data = encodeBucket(bucket);
    put.run(series.number, start, name, waiting, running, data);
  }

  /** By the log's time, so that a log that is read again comes to the same. */
  function removeOld(): void {
    const minute = Math.floor(latest / 60);
    if (minute === removedAt) return;
    removedAt = minute;
    for (const { number, kept: name } of allSeries)
      sql.run`DELETE FROM statistics WHERE series = ${number} AND start < ${latest - kept[name] / 1_000}`;
  }

  return {
    /** When the latest event was stored, in seconds since the epoch; 0: not known. */
    latest: () => latest,
    /** Counts what an event changed; `at`: when it was stored, in seconds since the epoch. */
    note(at: number, queue: Queue, change: Change): void {
      const second = Math.floor(at);
      for (const of of steps) noteIn(of, second, queue, change);
      latest = Math.max(latest, at);
    },
    /** Writes what changed. To be called in a transaction with the place in the log. */
    write(): void {
      for (const of of steps) {
        for (const [start, names] of of.changed)
          for (const name of names) putStep(of, start, name);
        of.changed.clear();
        const newest = Math.max(...of.byStart.keys());
        for (const start of of.byStart.keys())
          if (start < newest) of.byStart.delete(start);
      }
      removeOld();
    },
    restart(): void {
      db.exec("DELETE FROM statistics");
      latest = 0;
      removedAt = 0;
      for (const { byStart, changed } of steps) {
        byStart.clear();
        changed.clear();
      }
    },
    /** The beginning of what is kept, in seconds since the epoch. */
    keptFrom: ({ kept: name, step }: Series): number =>
      Math.ceil(Math.max(0, latest - kept[name] / 1_000) / step) * step,
  };
}
