/**
 * How much may be unfinished: what the projection counts, and what this gateway accepted since. What others accept is
 * seen with the next reading, so several gateways can pass a limit by what they take in about a quarter of a second (with thousands of active queues, some seconds).
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { Queue } from "@jetscribe/schema";
import type { TaskReader, Unfinished } from "@jetscribe/task-store";
import { ApiError } from "../apiError.ts";
import type { Config } from "../config.ts";
import { freshFor } from "../forecast/forecast.ts";

/** Room for one task; given back when it is disposed of, unless the task was stored. */
interface Reservation extends Disposable {
  stored: (seq: number) => void;
}

export type Limits = ReturnType<typeof makeLimits>;

const retryAfterS = 5;

/** `maxQueueDepth` tasks of all keys may wait, `maxTasksPerKey` tasks of one key be unfinished; undefined: no limit. */
export function makeLimits(
  broker: Pick<Broker, "onReconnect">,
  { unfinished }: Pick<TaskReader, "unfinished">,
  { maxQueueDepth, maxTasksPerKey }: Config["limits"],
) {
  if (maxQueueDepth === undefined && maxTasksPerKey === undefined)
    return { admit: () => unlimited, [Symbol.dispose]: () => undefined };

  /** What came of the last reading that said something: without Redis, and while it is built anew, that one holds. */
  let known: Unfinished = { seq: 0, waiting: 0, byOwner: new Map() };
  let readAt = -Infinity;
  let freshForMs = freshFor(0);
  let reading: Promise<void> | undefined;
  const own = makeOwn();
  // What a broker has lost that comes back would never be projected.
  const forget = broker.onReconnect(() => own.passed(Infinity));

  async function read(): Promise<void> {
    readAt = performance.now();
    const found = await unfinished().catch(() => undefined);
    if (found === undefined) return;
    freshForMs = freshFor(performance.now() - readAt);
    known = found;
    own.passed(found.seq);
  }

  async function freshen(): Promise<void> {
    if (reading === undefined && performance.now() - readAt < freshForMs)
      return;
    reading ??= read().finally(() => (reading = undefined));
    await reading;
  }

  return {
    /** Takes room for one more task. Rejects with an ApiError where there is none. */
    async admit({ owner }: Queue) {
      await freshen();
      const tasks = (known.byOwner.get(owner) ?? 0) + own.of(owner);
      if (maxTasksPerKey !== undefined && tasks >= maxTasksPerKey)
        throw tooManyTasks(tasks, maxTasksPerKey);
      const waiting = known.waiting + own.size();
      if (maxQueueDepth !== undefined && waiting >= maxQueueDepth)
        throw queueFull(waiting, maxQueueDepth);
      return own.add(owner);
    },
    [Symbol.dispose]: forget,
  };
}

const unlimited = Promise.resolve<Reservation>({
  stored: () => undefined,
  [Symbol.dispose]: () => undefined,
});

/** What this gateway accepted, or is about to, until the projection has passed it. */
function makeOwn() {
  /** Without a sequence: on its way. */
  type Task = { owner: string; seq?: number };
  const all = new Set<Task>();
  const byOwner = new Map<string, number>();
  const count = (owner: string) => byOwner.get(owner) ?? 0;
  function remove(task: Task) {
    if (all.delete(task)) byOwner.set(task.owner, count(task.owner) - 1);
  }
  return {
    size: () => all.size,
    of: count,
    add(owner: string): Reservation {
      const task: Task = { owner };
      all.add(task);
      byOwner.set(owner, count(owner) + 1);
      return {
        stored: (seq) => void (task.seq = seq),
        [Symbol.dispose]() {
          if (task.seq === undefined) remove(task);
        },
      };
    },
    /** Forgets what stands up to here in the log. */
    passed(seq: number) {
      for (const task of all)
        if (task.seq !== undefined && task.seq <= seq) remove(task);
    },
  };
}

const queueFull = (waiting: number, value: number) =>
  new ApiError("queue_full", `${waiting} tasks wait already`, {
    limit: { name: "MAX_QUEUE_DEPTH", value },
    retryAfterS,
  });

const tooManyTasks = (tasks: number, value: number) =>
  new ApiError(
    "too_many_tasks",
    `${tasks} tasks of this key are unfinished already`,
    { limit: { name: "MAX_TASKS_PER_KEY", value }, retryAfterS },
  );
