/** What the statistics cost a task, and how large they are: the fold in this process, in turns with a file that only gets its position. */
import { encodeEvent } from "@jetscribe/event-log/codec/codec";
import {
  completed,
  requested,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { makeNames, newTaskId, type Queue } from "@jetscribe/schema";
import { openOwnDatabase } from "@jetscribe/runtime/ownDatabase";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { statisticsSchema } from "../services/results/src/statistics/buckets.ts";
import { openStatistics } from "../services/results/src/statistics/statistics.ts";
import { deliveryOf, kept } from "../services/results/test/indexTestKit.ts";
import { median, round, type Figures, type Options } from "./figures.ts";

/** The fold writes once for so many tasks under load, and once for each where they come one by one. */
const GATHERED = 2_048;
const TURNS = 5;
/** Seconds since the epoch. */
const BEGIN = 1_764_000_000;

const names = makeNames();
const queue: Queue = { model: "demo", lane: "interactive", owner: "a" };

export function statistics({ tasks }: Options): Promise<Figures> {
  const lives = Array.from({ length: tasks }, (_, i) => lifeOf(i));
  const inTurns = (once: () => number) =>
    round(median(Array.from({ length: TURNS }, once)));
  return Promise.resolve({
    "statistics, CPU per task, µs": {
      gathered: inTurns(() => foldUs(lives, GATHERED)),
      one_by_one: inTurns(() => foldUs(lives, 1)),
      header: inTurns(() => headerUs(tasks)),
    },
    "statistics, bytes": sizes(),
  });
}

/** Durations as they vary in a system, so that histograms have some buckets. */
function lifeOf(i: number) {
  const id = newTaskId();
  const [wait, run] = [((i * 37) % 500) / 100, 0.5 + ((i * 17) % 200) / 100];
  const { data } = completed(id) as { data: { metrics: object } };
  const metrics = {
    ...data.metrics,
    ...{ queue_wait_time: wait, processing_time: run, total_time: wait + run },
    time_to_first_token: run / 10,
  };
  const over = { metrics } as Parameters<typeof completed>[2];
  const events = [requested(id, queue), started(id), completed(id, 1, over)];
  return events.map((event, part) => {
    const at = { seq: 3 * i + part + 1, time: BEGIN + i / 100, queue };
    return deliveryOf(event, at);
  });
}

const changes = [
  {
    kind: "accepted",
    before: undefined,
    now: "waiting",
    wasStarted: false,
    scheduledS: 0,
  },
  {
    kind: "started",
    before: "waiting",
    now: "running",
    wasStarted: true,
    scheduledS: 0,
  },
  {
    kind: "completed",
    before: "running",
    now: undefined,
    wasStarted: true,
    scheduledS: 0,
  },
] as const;

function open() {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-statistics-"));
  const path = join(dir, "statistics.sqlite");
  const schema = `${statisticsSchema};
    CREATE TABLE position (one INTEGER PRIMARY KEY, seq INTEGER) STRICT`;
  const file = openOwnDatabase(path, { schema, version: 1 });
  if (file === undefined) throw new Error("the file is another process's");
  return {
    file,
    folded: openStatistics(file, kept, []),
    bytes: () => statSync(path).size,
    [Symbol.dispose]() {
      file[Symbol.dispose]();
      rmSync(dir, { recursive: true });
    },
  };
}

type Life = ReturnType<typeof lifeOf>;

/** More than where only the place in the log is written as often, which the task index does anyway. */
const foldUs = (lives: readonly Life[], flushEvery: number): number =>
  writeUs(lives, flushEvery, true) - writeUs(lives, flushEvery, false);

function writeUs(
  lives: readonly Life[],
  flushEvery: number,
  withStatistics: boolean,
): number {
  using opened = open();
  const { folded, file } = opened;
  const flush = (seq: number) =>
    file.atomically(() => {
      if (withStatistics) folded.write();
      file.sql.run`INSERT OR REPLACE INTO position VALUES (1, ${seq})`;
    });
  return cpuUsOf(lives.length, () => {
    for (const [i, life] of lives.entries()) {
      if (withStatistics)
        life.forEach((message, part) => folded.note(message, changes[part]!));
      if ((i + 1) % flushEvery === 0) flush(i);
    }
  });
}

/** What an outcome's header more costs its worker. */
function headerUs(count: number): number {
  const event = completed(newTaskId());
  const options = { names, source: "bench", now: new Date() };
  const { metrics, ...data } = event.data as { metrics: object };
  const bare = { ...event, data } as unknown as typeof event;
  const encode = (one: typeof event) =>
    cpuUsOf(count, () => {
      for (let i = 0; i < count; i++) encodeEvent(one, queue, options);
    });
  const without = encode(bare);
  return encode(event) - without - bodyUs(metrics, count);
}

const bodyUs = (metrics: object, count: number): number =>
  cpuUsOf(count, () => {
    for (let i = 0; i < count; i++) JSON.stringify(metrics);
  });

function cpuUsOf(count: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

/** A row of a model and lane in which 60 tasks ended, and a row of an owner, on disk. */
function sizes(): Record<string, number> {
  using opened = open();
  const { folded, file, bytes } = opened;
  const minutes = 1_000;
  for (let i = 0; i < 60 * minutes; i++) {
    const life = lifeOf(i);
    life.forEach((message, part) => {
      const at = { ...message, time: BEGIN + i };
      folded.note(at, changes[part]!);
    });
    if (i % 600 === 0) file.atomically(folded.write);
  }
  file.atomically(folded.write);
  const rows = (series: number) =>
    Number(
      file.sql
        .get`SELECT count(*) AS n FROM statistics WHERE series = ${series}`?.[
        "n"
      ],
    );
  const length = (series: number) =>
    Number(
      file.sql
        .get`SELECT avg(length(data)) AS n FROM statistics WHERE series = ${series}`?.[
        "n"
      ],
    );
  file.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  return {
    rows: [1, 2, 3, 4].reduce((sum, series) => sum + rows(series), 0),
    file: bytes(),
    ten_seconds: round(length(1)),
    minute: round(length(2)),
    owner_minute: round(length(3)),
    owner_hour: round(length(4)),
  };
}
