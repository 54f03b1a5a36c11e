import type { Queue, TaskState } from "@jetscribe/schema";
import type { Redis } from "ioredis";
import { useTo, type Store } from "./connection.ts";
import { readActive, type ActiveQueue } from "./activeQueues.ts";
import { decodeCheckpoint } from "./codec.ts";
import { keys, parseQueueName, parseRunningName, queueName } from "./keys.ts";
import { readLogUse } from "./logUse.ts";
import { makeLook } from "./look.ts";
import {
  all,
  countAll,
  placesOf,
  readBacklog,
  readUnfinished,
} from "./backlog.ts";
import { resultsOf } from "./results.ts";
import { askDue, countScheduled, dueByQueue, readDue } from "./scheduled.ts";

/** An open task's place in the log. */
export interface OpenPlace {
  id: string;
  /** The sequence of its GenerateRequested. */
  seq: number;
}

/** Where the consumer of a queue has to begin, by the projection of the log that was made at `created`. */
export interface QueueStart {
  created: string;
  /** The sequence of the log up to which the projection had read. */
  asOf: number;
  fromSeq: number;
}

/** The tasks as everybody may read them. Every call rejects within about a second where Redis is down. */
export type TaskReader = ReturnType<typeof makeTaskReader>;

/** The connection may be shared with other readers, and with no writer. `now`: in ms since the epoch, by the broker's clock. */
export function makeTaskReader(
  { redis }: Pick<Store, "redis">,
  now: () => number = Date.now,
) {
  useTo("read", redis);

  /** The oldest `count` waiting tasks of a queue, scheduled ones too, oldest first. */
  async function oldestWaiting(
    queue: Queue,
    count: number,
  ): Promise<OpenPlace[]> {
    if (count < 1) return [];
    const name = queueName(queue);
    const found = await Promise.all(
      [keys.queue(name), keys.laterOf(name)].map((key) =>
        members(redis, key, count - 1),
      ),
    );
    return found
      .flat()
      .sort((a, b) => a.seq - b.seq)
      .slice(0, count);
  }

  /** The ids of the scheduled tasks that are due at a time in ms since the epoch, by their queues. */
  async function due(at = now()) {
    const commands = askDue(redis.pipeline(), at / 1_000);
    const [reply] = resultsOf(await commands.exec());
    return dueByQueue(reply);
  }

  /** Every processing task, oldest first. */
  const running = async () =>
    (await members(redis, keys.running, -1)).map(({ id: name, seq }) => ({
      ...parseRunningName(name),
      seq,
    }));

  /**
   * Where a queue's consumer has to begin: at its oldest open request, waiting or running, or else behind all that is
   * projected. Undefined: the projection is built just now, and can't say. All of it is read at one instant, since Redis may
   * be emptied at any other.
   */
  async function startOf(queue: Queue): Promise<QueueStart | undefined> {
    const name = queueName(queue);
    const [stored, ...sets] = resultsOf(
      await redis
        .multi()
        .get(keys.checkpoint)
        .zrange(keys.queue(name), 0, "0", "WITHSCORES")
        .zrange(keys.laterOf(name), 0, "0", "WITHSCORES")
        .zrange(keys.running, 0, "-1", "WITHSCORES")
        .exec(),
    );
    const checkpoint = decodeCheckpoint(stored as string | null);
    if (checkpoint?.caughtUp !== true) return undefined;
    const [waiting = [], later = [], running = []] = sets.map((set) =>
      pairsOf(set as string[]),
    );
    const ofQueue = running.filter(({ id }) => queueOfRunning(id) === name);
    const open = [...waiting, ...later, ...ofQueue].map(({ seq }) => seq);
    const fromSeq = Math.min(checkpoint.seq + 1, ...open);
    return { created: checkpoint.created, asOf: checkpoint.seq, fromSeq };
  }

  return {
    /**
     * Open tasks whose deadline may be over, by `now` in seconds since the epoch; each has to be looked at. Of those that
     * may wait long only the first `ofEach` of each queue: whoever comes later has a later deadline. Of the others, the
     * scheduled ones among them, the `early` first.
     */
    async perhapsOverdue(
      now: number,
      { ofEach, early }: { ofEach: number; early: number },
    ) {
      const names = await redis.smembers(keys.queues);
      const [first, heads] = await Promise.all([
        redis.zrangebyscore(keys.deadlines, 0, now, "LIMIT", 0, early),
        all(redis, names, (pipeline, name) =>
          pipeline.zrange(keys.queue(name), 0, String(ofEach - 1)),
        ),
      ]);
      const ids = first.map((name) => parseRunningName(name).id);
      return [...new Set([...ids, ...(heads as string[][]).flat()])];
    },
    look: makeLook(redis),
    /** Where tasks wait; null for one that doesn't. */
    places: async (tasks: readonly TaskState[]) =>
      placesOf(redis, tasks, await due()),
    backlog: async () => readBacklog(redis, await due()),
    /** Of which queues scheduled tasks become due in a time, and when the next one does. */
    due: (after: number, upTo: number) => readDue(redis, after, upTo),
    /** How much is unfinished, and where a day is named its tokens; undefined while the projection is built. */
    unfinished: (day?: string) => readUnfinished(redis, day),
    /** Which part of the log, that begins at `firstSeq`, is still needed; undefined while the projection is built, or new queues keep coming. */
    logUse: (firstSeq: number) => readLogUse(redis, firstSeq),
    /** The estimated and the real wait of the latest tasks, in seconds, newest first; 1,000 at most. */
    waits: async () =>
      (await redis.lrange(keys.waits, 0, -1)).map((pair) => {
        const [estimated = 0, real = 0] = pair.split(" ").map(Number);
        return { estimated, real };
      }),
    /** Every queue in which tasks wait, scheduled ones too, and how many. */
    async queues() {
      const names = await redis.smembers(keys.queues);
      const counts = await countAll(redis, names);
      return names.map((name, i) => ({
        queue: parseQueueName(name),
        waiting: counts[i] ?? 0,
      }));
    },
    oldestWaiting,
    running,
    startOf,
    /** Every queue that has open tasks, waiting or running. */
    async openQueues() {
      const [names, runs] = await Promise.all([
        redis.smembers(keys.queues),
        redis.zrange(keys.running, 0, "-1"),
      ]);
      const ofRuns = runs.map(queueOfRunning);
      return [...new Set([...names, ...ofRuns])].map(parseQueueName);
    },
    /** For each place: how many tasks of the queue are open, waiting or running, up to that sequence; all at one instant. */
    async countOpen(places: readonly { queue: Queue; seq: number }[]) {
      const commands = redis
        .multi()
        .zrange(keys.running, 0, "-1", "WITHSCORES");
      for (const { queue, seq } of places)
        commands
          .zcount(keys.queue(queueName(queue)), 0, seq)
          .zcount(keys.laterOf(queueName(queue)), 0, seq);
      const [runs, ...counts] = resultsOf(await commands.exec());
      const running = Map.groupBy(pairsOf(runs as string[]), ({ id }) =>
        queueOfRunning(id),
      );
      return places.map(({ queue, seq }, i) => {
        const ofQueue = running.get(queueName(queue)) ?? [];
        const upTo = ofQueue.filter((run) => run.seq <= seq).length;
        return Number(counts[2 * i]) + Number(counts[2 * i + 1]) + upTo;
      });
    },
    /** The queues of a model (a slug) that have open tasks, and how many. */
    active: (model: string) => readActive(redis, model, now() / 1_000),
    /** The models (slugs) that were ever asked for. */
    models: () => redis.smembers(keys.models),
    /**
     * Every queue that has open tasks: how many wait, run and are scheduled for later, and the id of the oldest that waits.
     * Not all at one instant.
     */
    async openCounts(): Promise<OpenCounts[]> {
      const at = now();
      const models = await redis.smembers(keys.models);
      const [scheduled, dueThen, ...active] = await Promise.all([
        countScheduled(redis),
        due(at),
        ...models.map((model) => readActive(redis, model, at / 1_000)),
      ]);
      const found = active.flatMap(({ queues }) => queues);
      const names = new Set(found.map(({ queue }) => queueName(queue)));
      const further = [...scheduled.keys()].filter((name) => !names.has(name));
      const idle = further.map((name) => {
        return { queue: parseQueueName(name), waiting: 0, running: 0 };
      });
      const queues = [...found, ...idle];
      const oldest = await all(redis, queues, (pipeline, { queue }) =>
        pipeline.zrange(keys.queue(queueName(queue)), 0, "0"),
      );
      return queues.map((counts, i) => {
        const [id] = oldest[i] as string[];
        const name = queueName(counts.queue);
        const isDue = dueThen.get(name)?.length ?? 0;
        const later = Math.max(0, (scheduled.get(name) ?? 0) - isDue);
        return { ...counts, later, ...(id !== undefined && { oldest: id }) };
      });
    },
    /** How many open tasks that were started, or may wait only briefly, have a deadline before `at` in seconds since the epoch. */
    overdue: (at: number) => redis.zcount(keys.deadlines, 0, `(${at}`),
    ping: async (): Promise<void> => void (await redis.ping()),
  };
}

export interface OpenCounts extends ActiveQueue {
  /** Wait for their `not_before`, and are not among `waiting`. */
  later: number;
  oldest?: string;
}

/** The name of the queue in which a running task waited, by the running task's. */
const queueOfRunning = (name: string): string =>
  name.slice(0, name.lastIndexOf(":"));

/** The members of a sorted set up to the index `last`, lowest sequence first. */
const members = async (
  redis: Redis,
  key: string,
  last: number,
): Promise<OpenPlace[]> =>
  pairsOf(await redis.zrange(key, 0, String(last), "WITHSCORES"));

function pairsOf(reply: readonly string[]): OpenPlace[] {
  const found: OpenPlace[] = [];
  for (let i = 0; i < reply.length; i += 2)
    found.push({ id: reply[i] ?? "", seq: Number(reply[i + 1]) });
  return found;
}
