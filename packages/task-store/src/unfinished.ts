import type { Redis } from "ioredis";
import { countAll } from "./backlog.ts";
import { decodeCheckpoint } from "./codec.ts";
import { keys, parseQueueName, parseRunningName } from "./keys.ts";

/** How much is unfinished. */
export interface Unfinished {
  /** Of all that the log has up to here, what is still open is counted. */
  seq: number;
  /** Tasks that wait to be started. */
  waiting: number;
  /** Open tasks, waiting or running, by their owner (a slug). */
  byOwner: ReadonlyMap<string, number>;
}

/**
 * Undefined while the projection is built. A task that changes its place meanwhile is counted twice at worst: the
 * checkpoint is read before the queues' names, those before what waits, and that before what runs.
 */
export async function readUnfinished(
  redis: Redis,
): Promise<Unfinished | undefined> {
  const [stored, names] = await Promise.all([
    redis.get(keys.checkpoint),
    redis.smembers(keys.queues),
  ]);
  const checkpoint = decodeCheckpoint(stored);
  if (checkpoint?.caughtUp !== true) return undefined;
  const [counts, running] = await Promise.all([
    countAll(redis, names),
    redis.zrange(keys.running, 0, "-1"),
  ]);
  const byOwner = new Map<string, number>();
  const add = (owner: string, tasks: number) =>
    byOwner.set(owner, (byOwner.get(owner) ?? 0) + tasks);
  names.forEach((name, i) => add(parseQueueName(name).owner, counts[i] ?? 0));
  for (const name of running) add(parseRunningName(name).queue.owner, 1);
  const waiting = counts.reduce((sum, count) => sum + count, 0);
  return { seq: checkpoint.seq, waiting, byOwner };
}
