/** The tasks that have a `not_before` and were never started: when they are due, and how many of them are. */
import type { Queue } from "@jetscribe/schema";
import type { ChainableCommander, Redis } from "ioredis";
import { keys, parseRunningName, queueName } from "./keys.ts";

/** Of the scheduled tasks that are due and wait so many are counted, the earliest: the reading stays small. */
const mostCounted = 1_000;
/** So many are read at a time. */
const page = 1_000;

/** Asks which scheduled tasks are due at `now`, in seconds since the epoch. */
export const askDue = (
  commands: ChainableCommander,
  now: number,
): ChainableCommander =>
  commands.zrangebyscore(keys.scheduled, "-inf", now, "LIMIT", 0, mostCounted);

/** The ids of those tasks, the earliest first, by the names of their queues. */
export function dueByQueue(reply: unknown): ReadonlyMap<string, string[]> {
  const found = new Map<string, string[]>();
  for (const name of reply as string[]) {
    const { queue, id } = parseRunningName(name);
    const ids = found.get(queueName(queue));
    if (ids === undefined) found.set(queueName(queue), [id]);
    else ids.push(id);
  }
  return found;
}

/**
 * The queues with scheduled tasks that become due after `after` and up to `upTo`, and when the next one of all does;
 * undefined: none is left. In seconds since the epoch.
 */
export async function readDue(
  redis: Redis,
  after: number,
  upTo: number,
): Promise<{ queues: Queue[]; next: number | undefined }> {
  const queues = new Map<string, Queue>();
  for (let from = 0; ; from += page) {
    const range = [keys.scheduled, `(${after}`, upTo, "LIMIT"] as const;
    const names = await redis.zrangebyscore(...range, from, page);
    for (const name of names) {
      const { queue } = parseRunningName(name);
      queues.set(queueName(queue), queue);
    }
    if (names.length < page) break;
  }
  const range = [keys.scheduled, `(${upTo}`, "+inf", "WITHSCORES"] as const;
  const [, next] = await redis.zrangebyscore(...range, "LIMIT", 0, 1);
  return {
    queues: [...queues.values()],
    next: next === undefined ? undefined : Number(next),
  };
}

/** How many tasks are scheduled, due or not, by the names of their queues. */
export async function countScheduled(
  redis: Redis,
): Promise<ReadonlyMap<string, number>> {
  const counts = Object.entries(await redis.hgetall(keys.later));
  return new Map(counts.map(([name, count]) => [name, Number(count)]));
}
