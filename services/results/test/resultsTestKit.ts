/** What the tests share: a real results process, a way to fill the log, and what the log itself says. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { decodeEvent } from "@jetscribe/event-log/codec/codec";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import {
  makePuller,
  type Delivery,
  type PullEnd,
} from "@jetscribe/event-log/read/pull";
import { scan } from "@jetscribe/event-log/read/readLog";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import {
  evolve,
  newTaskId,
  streams,
  workConsumerName,
  type Queue,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import {
  cancelled,
  completed,
  queue,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import {
  connectStore,
  hearDone,
  makeTaskReader,
  type Store,
  type TaskReader,
} from "@jetscribe/task-store";
import {
  compileCache,
  eventually,
  redisPrefix,
  startNats,
  startRedis,
  type NatsVersion,
  type TestServer,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export {
  cancelled,
  completed,
  queue,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";

/** Lives that end in every way, or not at all. */
const lives: ((id: string) => TaskEvent[])[] = [
  (id) => [requested(id), started(id), completed(id)],
  (id) => [requested(id)],
  (id) => [requested(id), started(id)],
  (id) => [requested(id), started(id), retried(id)],
  (id) => [
    ...[requested(id), started(id), retried(id)],
    ...[started(id, 2), completed(id, 2)],
  ],
  (id) => [requested(id), cancelled(id)],
];

export interface Writer extends AsyncDisposable {
  broker: Broker;
  append: (event: TaskEvent, of?: Queue) => Promise<number>;
  /** So many lives, each event behind its own task's before. Returns the ids. */
  lives: (count: number) => Promise<string[]>;
}

export const settings = {
  eventsMaxBytes: 2 ** 30,
  taskTimeoutMs: 300_000,
  ...{ auditMaxAgeMs: 365 * 86_400_000, auditMaxBytes: 256_000_000 },
  replicas: 1,
};

/** Thousands at once may take a busy machine longer than one may. */
const within = { timeoutMs: 60_000 };

export async function openWriter(
  url: string,
  topology: Partial<typeof settings> = {},
): Promise<Writer> {
  const broker = await connectBroker({ url, name: "test" });
  await ensureTopology(broker, { ...settings, ...topology });
  const appender = makeAppender(broker, "test");
  const append = async (event: TaskEvent, of = queue) =>
    (await appender.append(event, of, within)).seq;
  return {
    broker,
    append,
    async lives(count) {
      const ids = Array.from({ length: count }, () => newTaskId());
      // All are under way at once, and arrive in the order in which they are sent.
      const live = (id: string, i: number) =>
        lives[i % lives.length]?.(id).map((event) => append(event)) ?? [];
      await Promise.all(ids.flatMap(live));
      return ids;
    },
    async [Symbol.asyncDispose]() {
      appender[Symbol.dispose]();
      await broker[Symbol.asyncDispose]();
    },
  };
}

/** Has a queue's next request delivered, and acknowledges it, as a worker does that has its outcome. */
export async function takeNext(broker: Broker, of = queue): Promise<void> {
  using puller = makePuller(broker);
  const { promise, resolve, reject } = Promise.withResolvers<Delivery>();
  const consumer = workConsumerName(of);
  function pull(): void {
    puller.pull(
      // The broker may count it a moment after its PubAck.
      { stream: streams.events, consumer, batch: 1, expiresMs: 60_000 },
      { onDelivery: resolve, onEnd },
    );
  }
  function onEnd(end: PullEnd): void {
    if (end === "lost") return pull(); // it may stand still
    if (end !== "full") reject(new Error(end));
  }
  pull();
  const { reply } = await promise;
  await broker.nc.request(reply, "+ACK", { timeout: 60_000 });
}

/** The state of every task: a fold of the whole log. */
export async function foldLog(broker: Broker): Promise<Map<string, TaskState>> {
  const states = new Map<string, TaskState>();
  const reading = { stream: streams.events, from: { seq: 1 } };
  await scan(broker, reading, (message) => {
    const decoded = decodeEvent(message);
    if (!("event" in decoded)) return false;
    const { task_id } = decoded.event.data;
    const state = evolve(states.get(task_id), decoded.event);
    if (state !== undefined) states.set(task_id, state);
    return false;
  });
  return states;
}

export interface OpenReader extends AsyncDisposable {
  store: Store;
  reader: TaskReader;
  /** A list to which the ids of all outcomes are added that are told from now on. */
  hearDone: () => Promise<string[]>;
}

export async function openReader(
  url: string,
  prefix = redisPrefix,
): Promise<OpenReader> {
  const stack = new AsyncDisposableStack();
  const store = connectStore({
    ...{ url, prefix, name: "test" },
    silenceMs: 60_000, // the machine may be busy
  });
  stack.defer(() => store.close());
  await eventually(() => store.ready());
  return {
    store,
    reader: makeTaskReader(store),
    async hearDone() {
      const told: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const onDone = (ids: string[]) => void told.push(...ids);
      stack.use(hearDone(store, { onDone, onListening: resolve }));
      await promise;
      return told;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Waits until the projection says that it has the whole log, then holds it against a fold of the log. */
export async function assertProjected(
  broker: Broker,
  reader: TaskReader,
): Promise<void> {
  await eventually(async () => {
    const { created, lastSeq } = await streamState(broker, streams.events);
    const { checkpoint } = await reader.look([]);
    return (
      checkpoint?.caughtUp === true &&
      checkpoint.created === created &&
      checkpoint.seq === lastSeq
    );
  });
  const expected = await foldLog(broker);
  const { tasks } = await reader.look([...expected.keys()]);
  assert.deepEqual(tasks, [...expected.values()]);
  const idsOf = (status: TaskState["status"]) =>
    tasks.flatMap((task) => (task?.status === status ? [task.task_id] : []));
  const waiting = (await reader.queues()).map(({ queue }) =>
    reader.oldestWaiting(queue, tasks.length),
  );
  const queued = (await Promise.all(waiting)).flat().map(({ id }) => id);
  assert.deepEqual(queued.toSorted(), idsOf("queued").toSorted());
  const running = (await reader.running()).map(({ id }) => id);
  assert.deepEqual(running.toSorted(), idsOf("processing").toSorted());
}

export async function servers(
  version?: NatsVersion,
): Promise<{ nats: TestServer; redis: TestServer } & AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  const nats = stack.use(await startNats(version ? { version } : {}));
  const redis = stack.use(await startRedis());
  const dispose = () => stack.disposeAsync();
  return { nats, redis, [Symbol.asyncDispose]: dispose };
}

export interface ResultsProcess extends AsyncDisposable {
  pid: number;
  /** Its own log records so far. */
  output: () => string;
  /** Its records with this message. */
  said: (message: string) => number;
  /** Resolves when it has ended and its output is whole. */
  ended: Promise<unknown>;
  kill: (signal?: NodeJS.Signals) => Promise<void>;
}

/** A folder of the test's own, which goes with it. */
export function tempDir() {
  const path = mkdtempSync(join(tmpdir(), "jetscribe-results-"));
  const remove = () => rmSync(path, { recursive: true, force: true });
  return { path, [Symbol.dispose]: remove };
}

/** The real process. */
export function startResults(
  { nats, redis }: { nats: { url: string }; redis: { url: string } },
  env: Record<string, string> = {},
): ResultsProcess {
  const main = new URL("../src/main.ts", import.meta.url).pathname;
  const dir = tempDir();
  const child = spawn(process.execPath, [main], {
    env: {
      NODE_COMPILE_CACHE: compileCache,
      ...{ NATS_URL: nats.url, REDIS_URL: redis.url },
      ...{ EVENTS_MAX_BYTES: "1GiB", DATA_DIR: dir.path, ...env },
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data: Buffer) => (output += data.toString()));
  async function kill(signal: NodeJS.Signals = "SIGKILL") {
    child.kill(signal);
    await ended;
    dir[Symbol.dispose]();
  }
  return {
    pid: child.pid ?? 0,
    output: () => output,
    said: (message) => output.split(`"msg":"${message}"`).length - 1,
    ended,
    kill,
    [Symbol.asyncDispose]: () => kill(),
  };
}
