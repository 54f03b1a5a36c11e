/** What waits, and what tasks usually take: read from the projection for all queues at once. */
import { queueOf, type Queue, type TaskState } from "@jetscribe/schema";
import type { ChainableCommander, Redis } from "ioredis";
import { atOneInstant } from "./atOneInstant.ts";
import { decodeCheckpoint } from "./codec.ts";
import {
  keys,
  parseQueueName,
  parseRunningName,
  queueName,
  queueNameOf,
} from "./keys.ts";
import { askTokens, tokensIn, type DayTokens } from "./dayTokens.ts";
import { resultsOf } from "./results.ts";
import { countScheduled, type dueByQueue } from "./scheduled.ts";
import { placeIn, type Backlog, type Place } from "./place.ts";

/** How many tasks wait in each of the queues, without the scheduled ones. */
async function countQueued(
  redis: Redis,
  names: readonly string[],
): Promise<number[]> {
  const replies = await all(redis, names, (pipeline, name) =>
    pipeline.zcard(keys.queue(name)),
  );
  return replies.map(Number);
}

/** How many tasks wait in each of the queues, the scheduled ones too. */
export async function countAll(
  redis: Redis,
  names: readonly string[],
): Promise<number[]> {
  const [queued, scheduled] = await Promise.all([
    countQueued(redis, names),
    countScheduled(redis),
  ]);
  return queued.map((count, i) => count + (scheduled.get(names[i] ?? "") ?? 0));
}

/** Every queue in which tasks wait or were finished. A scheduled task waits from its time on. */
export async function readBacklog(
  redis: Redis,
  due: ReturnType<typeof dueByQueue>,
): Promise<Backlog[]> {
  const [names, usual] = await Promise.all([
    redis.smembers(keys.queues),
    redis.hgetall(keys.usual),
  ]);
  const counts = await countQueued(redis, names);
  const waiting = new Map(
    names.map((name, i) => [
      name,
      (counts[i] ?? 0) + (due.get(name)?.length ?? 0),
    ]),
  );
  const finished = Object.keys(usual).flatMap((field) =>
    field.endsWith(ofTasks) ? field.slice(0, -ofTasks.length) : [],
  );
  return [...new Set([...names, ...finished])].map((name) => {
    const queue = parseQueueName(name);
    const base = queueName(withoutGroup(queue));
    const tasks = Number(usual[base + ofTasks] ?? 0);
    const tokens = Number(usual[base + ofTokens] ?? 0);
    return {
      queue,
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
  /** Of the day that was asked for; undefined: of none. */
  tokens?: DayTokens | undefined;
}

/**
 * All of one instant: what the projection takes in meanwhile would stand behind `seq` and be counted too. `day`: whose
 * tokens are read too, such as 2026-11-29. Undefined while the projection is built, and where new queues kept coming.
 */
export async function readUnfinished(
  redis: Redis,
  day?: string,
): Promise<Unfinished | undefined> {
  return await atOneInstant(redis, (names) =>
    readUnfinishedOf(redis, names, day),
  );
}

async function readUnfinishedOf(
  redis: Redis,
  names: readonly string[],
  day: string | undefined,
): Promise<(Unfinished & { queues: string[] }) | undefined> {
  const commands = redis
    .multi()
    .get(keys.checkpoint)
    .smembers(keys.queues)
    .zrange(keys.running, 0, "-1")
    .hgetall(keys.later);
  if (day !== undefined) askTokens(commands, day);
  for (const name of names) commands.zcard(keys.queue(name));
  const [stored, queues, running, later, ...rest] = resultsOf(
    await commands.exec(),
  ) as [
    string | null,
    string[],
    string[],
    Record<string, string>,
    ...unknown[],
  ];
  const checkpoint = decodeCheckpoint(stored);
  if (checkpoint?.caughtUp !== true) return undefined;
  const tokens =
    day === undefined ? undefined : tokensIn(day, rest.splice(0, 2));
  const byOwner = new Map<string, number>();
  const add = (owner: string, tasks: number) =>
    byOwner.set(owner, (byOwner.get(owner) ?? 0) + tasks);
  let waiting = 0;
  names.forEach((name, i) => {
    const count = Number(rest[i]) + Number(later[name] ?? 0);
    waiting += count;
    add(parseQueueName(name).owner, count);
  });
  for (const name of running) add(parseRunningName(name).queue.owner, 1);
  return { seq: checkpoint.seq, waiting, byOwner, tokens, queues };
}

/** The places of tasks; null for one that doesn't wait, or not yet. */
export async function placesOf(
  redis: Redis,
  tasks: readonly TaskState[],
  due: ReturnType<typeof dueByQueue>,
): Promise<(Place | null)[]> {
  const [backlogs, ranks] = await Promise.all([
    readBacklog(redis, due),
    all(redis, tasks, (pipeline, task) =>
      pipeline.zrank(keys.queue(queueNameOf(task)), task.task_id),
    ),
  ]);
  return tasks.map((task, i) => {
    const name = queueNameOf(task);
    const rank = rankOf(task.task_id, ranks[i], due.get(name) ?? []);
    return rank !== undefined && task.status === "queued"
      ? placeIn(backlogs, parseQueueName(name), rank)
      : null;
  });
}

/** Before a queue's other tasks come the scheduled ones that are due: the broker delivers them first. */
function rankOf(
  id: string,
  queued: unknown,
  due: readonly string[],
): number | undefined {
  if (typeof queued === "number") return due.length + queued;
  const rank = due.indexOf(id);
  return rank < 0 ? undefined : rank;
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
  const baseOf = (task: TaskState) => queueName(withoutGroup(queueOf(task)));
  for (const [name, tasks] of Map.groupBy(ran, baseOf)) {
    const tokens = tasks.reduce((sum, task) => sum + tokensOf(task), 0);
    commands.hincrby(keys.usual, name + ofTasks, tasks.length);
    commands.hincrby(keys.usual, name + ofTokens, tokens);
  }
}

/** The queue of the owner's tasks of this model and lane that are in no group. */
const withoutGroup = ({ model, lane, owner }: Queue): Queue => ({
  model,
  lane,
  owner,
});

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
