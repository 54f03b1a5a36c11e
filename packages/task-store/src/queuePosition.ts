import { laneShares, type Lane, type TaskState } from "@jetscribe/schema";
import type { Redis } from "ioredis";
import { keys, parseQueueName, queueName, queueNameOf } from "./keys.ts";

/**
 * Before the task of rank r start the r of its own owner and, as owners take turns, at most r + 1 of each other owner;
 * and of the other lane those whose turns come before, by the lanes' shares. All tasks count as alike: turns are of
 * tokens, and nobody knows yet how many each will take.
 */
export async function queuePosition(
  redis: Redis,
  task: TaskState,
): Promise<number | null> {
  if (task.status !== "queued") return null;
  const own = queueNameOf(task);
  const [rank, names] = await Promise.all([
    redis.zrank(keys.queue(own), task.task_id),
    redis.smembers(keys.queues),
  ]);
  if (rank === null) return null;
  const { model } = parseQueueName(own);
  const rivals = names
    .map(parseQueueName)
    .filter((queue) => queue.model === model && queueName(queue) !== own);
  const counts = await countAll(redis, rivals.map(queueName));
  let inLane = rank + 1;
  let others = 0;
  rivals.forEach(({ lane }, i) => {
    const count = counts[i] ?? 0;
    if (lane === task.lane) inLane += Math.min(count, rank + 1);
    else others += count;
  });
  return inLane + Math.min(others, aheadOf(inLane, task.lane));
}

/** How many tasks of the other lane come before the one that is in this place of its lane: the batch lane is the last of ten. */
function aheadOf(place: number, lane: Lane): number {
  const { interactive, batch } = laneShares;
  return lane === "batch"
    ? Math.floor((place * interactive) / batch)
    : Math.ceil((place * batch) / interactive) - 1;
}

/** How many tasks wait in each of the queues, those behind the sequence `upTo` not counted. */
export async function countAll(
  redis: Redis,
  names: readonly string[],
  upTo = Infinity,
): Promise<number[]> {
  if (names.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const name of names)
    pipeline.zcount(keys.queue(name), 0, upTo === Infinity ? "+inf" : upTo);
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, count]) => {
    if (error) throw error;
    return Number(count);
  });
}
