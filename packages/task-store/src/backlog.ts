/** What waits, and what tasks usually take: read from the projection for all queues at once. */
import type { TaskState } from "@jetscribe/schema";
import type { ChainableCommander, Redis } from "ioredis";
import { decodeCheckpoint } from "./codec.ts";
import { keys, parseQueueName, parseRunningName, queueNameOf } from "./keys.ts";
import { placeIn, type Backlog, type Place } from "./place.ts";

/** How many tasks wait in each of the queues. */
export async function countAll(
  redis: Redis,
  names: readonly string[],
): Promise<number[]> {
  const replies = await all(redis, names, (pipeline, name) =>
    pipeline.zcard(keys.queue(name)),
  );
  return replies.map(Number);
}

/** Every queue in which tasks wait or were finished. */
export async function readBacklog(redis: Redis): Promise<Backlog[]> {
  const [names, usual] = await Promise.all([
    redis.smembers(keys.queues),
    redis.hgetall(keys.usual),
  ]);
  const counts = await countAll(redis, names);
  const waiting = new Map(names.map((name, i) => [name, counts[i] ?? 0]));
  const finished = Object.keys(usual).flatMap((field) =>
    field.endsWith(ofTasks) ? field.slice(0, -ofTasks.length) : [],
  );
  return [...new Set([...names, ...finished])].map((name) => {
    const tasks = Number(usual[name + ofTasks] ?? 0);
    const tokens = Number(usual[name + ofTokens] ?? 0);
    return {
      queue: parseQueueName(name),
      waiting: waiting.get(name) ?? 0,
      usual: tasks > 0 ? tokens / tasks : undefined,
    };
  });
}

export interface Unfinished {
  /** Of all that the log has up to here, what is still open is counted. */
  seq: number;
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

/** The places of tasks; null for one that doesn't wait. */
export async function placesOf(
  redis: Redis,
  tasks: readonly TaskState[],
): Promise<(Place | null)[]> {
  const [backlogs, ranks] = await Promise.all([
    readBacklog(redis),
    all(redis, tasks, (pipeline, task) =>
      pipeline.zrank(keys.queue(queueNameOf(task)), task.task_id),
    ),
  ]);
  return tasks.map((task, i) => {
    const rank = ranks[i];
    return typeof rank === "number" && task.status === "queued"
      ? placeIn(backlogs, parseQueueName(queueNameOf(task)), rank)
      : null;
  });
}

/** The fields of `usual`, after the queue's name. */
const ofTasks = ":tasks";
const ofTokens = ":tokens";

/** Adds the tokens of finished tasks to what is usual for their queues. */
export function writeUsual(
  commands: ChainableCommander,
  ended: readonly TaskState[],
): void {
  // One that never ran says nothing.
  const ran = ended.filter((task) => tokensOf(task) > 0);
  for (const [name, tasks] of Map.groupBy(ran, queueNameOf)) {
    const tokens = tasks.reduce((sum, task) => sum + tokensOf(task), 0);
    commands.hincrby(keys.usual, name + ofTasks, tasks.length);
    commands.hincrby(keys.usual, name + ofTokens, tokens);
  }
}

const tokensOf = (task: TaskState): number =>
  "metrics" in task
    ? task.metrics.prompt_tokens + task.metrics.completion_tokens
    : 0;

/** One command for each, in one go. */
export async function all<T>(
  redis: Redis,
  items: readonly T[],
  command: (pipeline: ChainableCommander, item: T) => void,
): Promise<unknown[]> {
  if (items.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const item of items) command(pipeline, item);
  return resultsOf(await pipeline.exec());
}

/** What several commands came to. Throws what the first one that failed was refused with. */
export function resultsOf(
  replies: [error: Error | null, reply: unknown][] | null,
): unknown[] {
  return (replies ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}
