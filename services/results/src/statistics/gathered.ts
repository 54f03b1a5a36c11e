/**
 * What happened since the last write, by queue and shortest step: an event counts once here, and what came together counts
 * once in each series.
 */
import type { Queue } from "@jetscribe/schema";
import { count, newBucket, time, type Bucket, type Change } from "./bucket.ts";
import { allSeries } from "./series.ts";

interface Gathered {
  queue: Queue;
  bucket: Bucket;
  /** When its latest event was stored, in seconds since the epoch. */
  at: number;
}

/** In seconds; the steps of every series are made of such ones. */
const shortestStep = Math.min(...allSeries.map(({ step }) => step));

export function makeGathered() {
  /** In the order in which they came: so names get their buckets. The same queue may be there as several objects. */
  let all: Gathered[] = [];
  /** The same, by the number of the step and the queue. */
  const byStep = new Map<number, Map<Queue, Gathered>>();

  function gatheredAt(storedAt: number, queue: Queue): Gathered {
    const step = Math.floor(storedAt / shortestStep);
    const queues = byStep.get(step) ?? new Map<Queue, Gathered>();
    if (queues.size === 0) byStep.set(step, queues);
    let gathered = queues.get(queue);
    if (gathered === undefined) {
      gathered = { queue, bucket: newBucket(), at: storedAt };
      queues.set(queue, gathered);
      all.push(gathered);
    }
    return gathered;
  }
  function clear(): void {
    all = [];
    byStep.clear();
  }

  return {
    /** Counts what an event changed; `storedAt`: when that was stored, in seconds since the epoch. */
    note(storedAt: number, queue: Queue, change: Change): void {
      const gathered = gatheredAt(storedAt, queue);
      gathered.at = Math.max(gathered.at, storedAt);
      count(gathered.bucket, change);
      time(gathered.bucket, change);
    },
    /** Hands over what was gathered, and forgets it. */
    drain(take: (at: number, queue: Queue, bucket: Bucket) => void): void {
      for (const { at, queue, bucket } of all) take(at, queue, bucket);
      clear();
    },
    clear,
  };
}
