/** What the tests of the worker's process share: a system without a projection, workers in it, and looks at the log. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { decodeEvent } from "@jetscribe/event-log/codec/codec";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { scan } from "@jetscribe/event-log/read/readLog";
import { hearWorkers } from "@jetscribe/event-log/signals/signals";
import { hearTokens } from "@jetscribe/event-log/tokens/tokens";
import {
  ensureTopology,
  ensureWorkQueue,
  workQueueInfo,
} from "@jetscribe/event-log/streams/topology";
import {
  isOutcome,
  metricsOf,
  newTaskId,
  streams,
  type GenerateParams,
  type GenerateRequested,
  type Queue,
  type RecordedEvent,
  type TaskEvent,
  type TokenChunk,
} from "@jetscribe/schema";
import {
  compileCache,
  eventually,
  startNats,
  startRedis,
  type NatsVersion,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const queue: Queue = {
  model: "demo",
  lane: "interactive",
  owner: "default",
};
/** A busy machine may hold a worker up for a good part of it; only one that a test kills or freezes loses its lease. */
export const ackWaitMs = 15_000;
/** Far above what a publish takes on a busy machine. */
export const patient = { timeoutMs: 60_000 };
const mainFile = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** What differs from the usual request. */
export interface Request
  extends
    Partial<GenerateParams>,
    Partial<
      Pick<GenerateRequested, "prompt" | "no_retry" | "cancel_after_ms">
    > {
  task_id?: string;
  timeout_ms?: number;
}

export const requestOf = ({
  task_id = newTaskId(),
  prompt = "Explain quantum computing",
  timeout_ms = 60_000,
  no_retry,
  cancel_after_ms,
  ...params
}: Request = {}): Extract<TaskEvent, { type: "GenerateRequested" }> => ({
  type: "GenerateRequested",
  data: {
    task_id,
    ...queue,
    prompt,
    timeout_ms,
    ...(no_retry !== undefined && { no_retry }),
    ...(cancel_after_ms !== undefined && { cancel_after_ms }),
    params: { max_tokens: 64, temperature: 0, top_p: 1, ...params },
    start_timeout_ms: 600_000,
    enqueue_time: Date.now() / 1000,
  },
});

export type System = Awaited<ReturnType<typeof startSystem>>;

export const makeStreams = (broker: Broker): Promise<unknown> =>
  ensureTopology(broker, {
    eventsMaxBytes: 2 ** 28,
    taskTimeoutMs: 60_000,
    ...{ auditMaxAgeMs: 365 * 86_400_000, auditMaxBytes: 256_000_000 },
    replicas: 1,
  });

/** A broker and a Redis of its own, without a projection: the log alone has to do. */
export async function startSystem(options: { version?: NatsVersion } = {}) {
  await using opening = new AsyncDisposableStack();
  const stack = opening.use(new AsyncDisposableStack());
  const nats = stack.use(await startNats(options));
  const redis = stack.use(await startRedis());
  const broker = stack.use(
    await connectBroker({ url: nats.url, name: "test" }),
  );
  await makeStreams(broker);
  await ensureWorkQueue(broker, queue, { ackWaitMs });
  const appender = stack.use(makeAppender(broker, "test"));
  const env = {
    NATS_URL: nats.url,
    REDIS_URL: redis.url,
    EVENTS_MAX_AGE: "1h",
    EVENTS_MAX_BYTES: String(2 ** 28),
    TASK_TIMEOUT: "60s",
    ENGINE: "fake",
    ACK_WAIT: String(ackWaitMs / 1000),
    LOG_LEVEL: "warn",
  };

  async function request(options?: Request): Promise<string> {
    const event = requestOf(options);
    await appender.append(event, queue, patient);
    return event.data.task_id;
  }

  /** Starts a worker; it is killed at the end. */
  async function startWorker(more: Record<string, string> = {}) {
    const worker = spawn(process.execPath, [mainFile], {
      env: { NODE_COMPILE_CACHE: compileCache, ...env, ...more },
      stdio: ["ignore", "ignore", "inherit"],
    });
    stack.defer(async () => {
      if (worker.exitCode !== null || worker.signalCode !== null) return;
      worker.kill("SIGCONT");
      worker.kill("SIGKILL");
      await once(worker, "exit");
    });
    await once(worker, "spawn");
    return worker;
  }

  opening.move();
  return {
    nats,
    broker,
    appender,
    request,
    startWorker,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export async function cancel({ appender }: System, id: string): Promise<void> {
  const { duplicate } = await appender.append(
    {
      type: "GenerateCancelled",
      data: {
        task_id: id,
        by: "default",
        reason: "asked",
        stage: "queued",
        metrics: metricsOf({ enqueue: 0, outcome: 0 }, 0, 0),
      },
    },
    queue,
    patient,
  );
  assert.equal(duplicate, false);
}

/** All events in the log. */
export async function readLog(broker: Broker): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  await scan(
    broker,
    { stream: streams.events, from: { seq: 1 } },
    (message) => {
      const decoded = decodeEvent(message);
      assert.ok("event" in decoded);
      events.push(decoded.event);
      return false;
    },
  );
  return events;
}

/** What happened to a task, in the words of its subjects and reasons. */
export const historyOf = (
  events: readonly RecordedEvent[],
  id: string,
): string =>
  events
    .filter(({ data }) => data.task_id === id)
    .map((event) => {
      const word = event.type.replace("Generate", "").toLowerCase();
      return event.type === "GenerateRetried"
        ? `${word}.${event.data.attempt} ${event.data.reason}`
        : event.type === "GenerateStarted"
          ? `${word}.${event.data.attempt}`
          : word;
    })
    .join(", ");

/** Waits until each task has an outcome, and gives the log. */
export const outcomesOf = (broker: Broker, ids: readonly string[]) =>
  eventually(
    async () => {
      const events = await readLog(broker);
      const ended = new Set(
        events.filter(isOutcome).map(({ data }) => data.task_id),
      );
      return ids.every((id) => ended.has(id)) && events;
    },
    { everyMs: 100 },
  );

/** Waits until the work queue holds nothing any more. */
export const queueEmpty = (broker: Broker) =>
  eventually(async () => {
    const info = await workQueueInfo(broker, queue);
    return info && info.pending + info.ackPending === 0;
  });

export const started = (broker: Broker, count: number) =>
  eventually(async () => {
    const events = await readLog(broker);
    const starts = events.filter(({ type }) => type === "GenerateStarted");
    return starts.length >= count;
  });

/** The engine's process of a worker. */
export async function engineOf(worker: ChildProcess): Promise<number> {
  const { pid } = worker;
  const file = `/proc/${pid}/task/${pid}/children`;
  return await eventually(() =>
    Number(readFileSync(file, "utf8").split(" ")[0]),
  );
}

/** Waits until a worker says that its engine is ready. */
export async function workerReady(broker: Broker): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _ = hearWorkers(broker, ({ model_loaded }) => {
    if (model_loaded) resolve();
  });
  await promise;
}

/** Waits until every worker that speaks has so many tasks in hand as `fits`. */
export async function nextWordOf(
  broker: Broker,
  fits: (tasks: number) => boolean,
): Promise<void> {
  const heard = new Map<string, number>();
  using _ = hearWorkers(broker, ({ worker_id, tasks }) =>
    heard.set(worker_id, tasks.length),
  );
  await eventually(() => heard.size === 2 && [...heard.values()].every(fits));
}

/** What a reader makes of the chunks that it hears: one text, whatever attempt they are from. */
export function read({ broker }: System, id: string) {
  const heard: TokenChunk[] = [];
  let text = "";
  const hearing = hearTokens(broker, id, (chunk) => {
    // A worker publishes a chunk again that the broker answered late.
    const isRepeat = heard.some(
      ({ worker_id, attempt, n }) =>
        worker_id === chunk.worker_id &&
        attempt === chunk.attempt &&
        n === chunk.n,
    );
    if (isRepeat) return;
    heard.push(chunk);
    assert.ok(chunk.offset <= text.length, "a hole");
    text = text.slice(0, chunk.offset) + chunk.text;
  });
  return {
    heard,
    text: () => text,
    [Symbol.dispose]: () => hearing[Symbol.dispose](),
  };
}

/** The one outcome of a task; it must be a completion. */
export function completionOf(events: readonly RecordedEvent[], id: string) {
  const [outcome, another] = events
    .filter(isOutcome)
    .filter(({ data }) => data.task_id === id);
  assert.equal(another, undefined);
  assert.ok(outcome?.type === "GenerateCompleted");
  return outcome.data;
}

export const lastStartOf = (events: readonly RecordedEvent[], id: string) => {
  const start = events.findLast(
    ({ type, data }) => type === "GenerateStarted" && data.task_id === id,
  );
  assert.ok(start?.type === "GenerateStarted");
  return start.data;
};

/** Kills the worker's engine so many times, each time that the task has started. */
export async function killAtEachStartOf(
  id: string,
  { broker }: System,
  worker: ChildProcess,
  times: number,
): Promise<void> {
  for (let attempt = 1; attempt <= times; attempt++) {
    const isStarted = async () =>
      historyOf(await readLog(broker), id).includes(`started.${attempt}`);
    await eventually(isStarted);
    process.kill(await engineOf(worker), "SIGKILL");
  }
}
