import type { Queue, TaskState } from "@jetscribe/schema";
import type { Redis } from "ioredis";
import type { Store } from "./connection.ts";
import { keys, parseQueueName, parseRunningName, queueName } from "./keys.ts";
import { readLogUse, type LogUse } from "./logUse.ts";
import { makeLook, type Look } from "./look.ts";
import { countAll, placesOf, readBacklog } from "./backlog.ts";
import type { Backlog, Place } from "./place.ts";
import { readUnfinished, type Unfinished } from "./unfinished.ts";

/** An open task's place in the log. */
export interface OpenPlace {
  id: string;
  /** The sequence of its GenerateRequested. */
  seq: number;
}

/** So many early deadlines are read at once. */
const mostEarly = 1_000;

/** The tasks as everybody may read them. Every call rejects within about a second where Redis is down. */
export interface TaskReader {
  look(ids: readonly string[]): Promise<Look>;
  /** Where tasks wait; null for one that doesn't. */
  places: (tasks: readonly TaskState[]) => Promise<(Place | null)[]>;
  /** What all queues hold. */
  backlog(): Promise<Backlog[]>;
  /** How much is unfinished; undefined while the projection is built. */
  unfinished(): Promise<Unfinished | undefined>;
  /** Which part of the log, that begins at `firstSeq`, is still needed; undefined while the projection is built. */
  logUse(firstSeq: number): Promise<LogUse | undefined>;
  /** The estimated and the real wait of the latest tasks, in seconds, newest first; 1,000 at most. */
  waits(): Promise<{ estimated: number; real: number }[]>;
  /** How many tasks wait in a queue. */
  waiting(queue: Queue): Promise<number>;
  /** Every queue in which tasks wait, and how many; only those of a sequence up to `upTo` count. */
  queues(upTo?: number): Promise<{ queue: Queue; waiting: number }[]>;
  /** The oldest `count` waiting tasks of a queue, oldest first. */
  oldestWaiting(queue: Queue, count: number): Promise<OpenPlace[]>;
  /** Every processing task, oldest first. */
  running(): Promise<(OpenPlace & { queue: Queue })[]>;
  /** The sequence of a queue's oldest open request, waiting or running; undefined: it has none. */
  oldestOpen(queue: Queue): Promise<number | undefined>;
  /**
   * Open tasks whose deadline may be over, by `now` in seconds since the epoch; each has to be looked at. Of each queue
   * only the first `ofEach`: whoever comes later has a later deadline.
   */
  perhapsOverdue(now: number, ofEach: number): Promise<string[]>;
  /** The ids of the latest tasks, newest first; 1,000 at most. */
  recent(count: number): Promise<string[]>;
  ping(): Promise<void>;
}

export function makeTaskReader({ redis }: Pick<Store, "redis">): TaskReader {
  const waiting = (queue: Queue) => redis.zcard(keys.queue(queueName(queue)));

  async function queues(upTo = Infinity) {
    const names = await redis.smembers(keys.queues);
    const counts = await countAll(redis, names, upTo);
    return names.map((name, i) => ({
      queue: parseQueueName(name),
      waiting: counts[i] ?? 0,
    }));
  }

  const oldestWaiting = async (queue: Queue, count: number) =>
    count < 1 ? [] : members(redis, keys.queue(queueName(queue)), count - 1);

  const running = async () =>
    (await members(redis, keys.running, -1)).map(({ id: name, seq }) => ({
      ...parseRunningName(name),
      seq,
    }));

  async function oldestOpen(queue: Queue) {
    const [[waits], runs] = await Promise.all([
      oldestWaiting(queue, 1),
      running(),
    ]);
    const name = queueName(queue);
    const first = runs.find((task) => queueName(task.queue) === name);
    if (waits === undefined || first === undefined)
      return (waits ?? first)?.seq;
    return Math.min(waits.seq, first.seq);
  }

  /** The first of each queue were there first, and those that run are few. */
  async function perhapsOverdue(now: number, ofEach: number) {
    const names = await redis.smembers(keys.queues);
    const [early, runs, ...heads] = await Promise.all([
      redis.zrangebyscore(keys.deadlines, 0, now, "LIMIT", 0, mostEarly),
      running(),
      ...names.map((name) => members(redis, keys.queue(name), ofEach - 1)),
    ]);
    const ids = [
      ...early.map((name) => parseRunningName(name).id),
      ...[...runs, ...heads.flat()].map(({ id }) => id),
    ];
    return [...new Set(ids)];
  }

  return {
    perhapsOverdue,
    look: makeLook(redis),
    places: (tasks) => placesOf(redis, tasks),
    backlog: () => readBacklog(redis),
    unfinished: () => readUnfinished(redis),
    logUse: (firstSeq) => readLogUse(redis, firstSeq),
    waits: async () =>
      (await redis.lrange(keys.waits, 0, -1)).map((pair) => {
        const [estimated = 0, real = 0] = pair.split(" ").map(Number);
        return { estimated, real };
      }),
    waiting,
    queues,
    oldestWaiting,
    running,
    oldestOpen,
    recent: async (count) =>
      count < 1 ? [] : redis.lrange(keys.recent, 0, count - 1),
    ping: async () => void (await redis.ping()),
  };
}

/** The members of a sorted set up to the index `last`, lowest sequence first. */
async function members(
  redis: Redis,
  key: string,
  last: number,
): Promise<OpenPlace[]> {
  const reply = await redis.zrange(key, 0, String(last), "WITHSCORES");
  const found: OpenPlace[] = []; // the reply is member, score, member, score …
  for (let i = 0; i < reply.length; i += 2)
    found.push({ id: reply[i] ?? "", seq: Number(reply[i + 1]) });
  return found;
}
