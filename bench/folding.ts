/** Made-up lives of tasks, and the fold of their statistics in this process. */
import { openOwnDatabase } from "@jetscribe/runtime/ownDatabase";
import { newTaskId, type Queue } from "@jetscribe/schema";
import {
  completed,
  requested,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { statisticsSchema } from "../services/results/src/statistics/buckets.ts";
import {
  openStatistics,
  type Statistics,
} from "../services/results/src/statistics/statistics.ts";
import { deliveryOf, kept } from "../services/results/test/indexTestKit.ts";

/** Seconds since the epoch. */
export const BEGIN = 1_764_000_000;

export const queue: Queue = { model: "demo", lane: "interactive", owner: "a" };

/** Durations as they vary in a system, so that histograms have some buckets. `at`: when it was stored, in seconds. */
export function lifeOf(i: number, at = BEGIN + i / 100, of = queue) {
  const id = newTaskId();
  const [wait, run] = [((i * 37) % 500) / 100, 0.5 + ((i * 17) % 200) / 100];
  const { data } = completed(id) as { data: { metrics: object } };
  const metrics = {
    ...data.metrics,
    ...{ queue_wait_time: wait, processing_time: run, total_time: wait + run },
    time_to_first_token: run / 10,
  };
  const over = { metrics } as Parameters<typeof completed>[2];
  const events = [requested(id, of), started(id), completed(id, 1, over)];
  return events.map((event, part) =>
    deliveryOf(event, { seq: 3 * i + part + 1, time: at, queue: of }),
  );
}

const changes = [
  { kind: "accepted", before: undefined, now: "waiting", wasStarted: false },
  { kind: "started", before: "waiting", now: "running", wasStarted: true },
  { kind: "completed", before: "running", now: undefined, wasStarted: true },
] as const;

export function noteLife(
  folded: Statistics,
  life: ReturnType<typeof lifeOf>,
): void {
  for (const [part, message] of life.entries())
    folded.note(message, { ...changes[part]!, scheduledS: 0 });
}

export function openFold() {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-statistics-"));
  const path = join(dir, "statistics.sqlite");
  const schema = `${statisticsSchema};
    CREATE TABLE position (one INTEGER PRIMARY KEY, seq INTEGER) STRICT`;
  const file = openOwnDatabase(path, { schema, version: 1 });
  if (file === undefined) throw new Error("the file is another process's");
  return {
    file,
    folded: openStatistics(file, kept, []),
    /** On disk. */
    bytes: (): number => {
      file.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      return statSync(path).size;
    },
    [Symbol.dispose]() {
      file[Symbol.dispose]();
      rmSync(dir, { recursive: true });
    },
  };
}

/** CPU time of each of so many, in µs. */
export function cpuUsOf(count: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}
