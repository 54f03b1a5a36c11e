import type { TaskState } from "@jetscribe/schema";
import type { Redis } from "ioredis";
import { keys, parseQueueName, queueName, queueNameOf } from "./keys.ts";

/**
 * Before the task of rank r start the r of its own owner and, as owners take turns, at most r + 1 of each other owner;
 * before one of the batch lane, all interactive ones of its model too.
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
  const rivals = names.map(parseQueueName).filter((queue) => {
    const ahead = queue.lane === task.lane || task.lane === "batch";
    return queue.model === model && ahead && queueName(queue) !== own;
  });
  const counts = await countAll(redis, rivals.map(queueName));
  return rivals.reduce((sum, { lane }, i) => {
    const count = counts[i] ?? 0;
    return sum + (lane === task.lane ? Math.min(count, rank + 1) : count);
  }, 1 + rank);
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
