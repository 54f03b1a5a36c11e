/** The worker's process on a real broker, with the fake engine in a real child; the log is the witness. */
import { makeAppender } from "@jetscribe/event-log/append";
import { decodeEvent } from "@jetscribe/event-log/codec";
import { connectBroker, type Broker } from "@jetscribe/event-log/connection";
import { scan } from "@jetscribe/event-log/readLog";
import { hearWorkers } from "@jetscribe/event-log/signals";
import {
  ensureTopology,
  ensureWorkQueue,
  remakeWorkQueue,
  workQueueInfo,
} from "@jetscribe/event-log/topology";
import {
  isOutcome,
  newTaskId,
  streams,
  type Queue,
  type RecordedEvent,
} from "@jetscribe/schema";
import { eventually, startNats, startRedis } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";

const queue: Queue = { model: "demo", lane: "interactive", owner: "default" };
const ackWaitMs = 3_000;
const mainFile = fileURLToPath(new URL("./main.ts", import.meta.url));

/** A broker and a Redis of its own, without a projection: the log alone has to do. */
async function startSystem() {
  await using opening = new AsyncDisposableStack();
  const stack = opening.use(new AsyncDisposableStack());
  const nats = stack.use(await startNats());
  const redis = stack.use(await startRedis());
  const broker = stack.use(
    await connectBroker({ url: nats.url, name: "test" }),
  );
  await ensureTopology(broker, {
    eventsMaxAgeMs: 3_600_000,
    eventsMaxBytes: 2 ** 28,
    taskTimeoutMs: 60_000,
    replicas: 1,
  });
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

  async function request(timeout_ms = 60_000): Promise<string> {
    const task_id = newTaskId();
    await appender.append(
      {
        type: "GenerateRequested",
        data: {
          task_id,
          model: "demo",
          lane: "interactive",
          owner: "default",
          prompt: "Explain quantum computing",
          params: { max_tokens: 64, temperature: 0, top_p: 1 },
          timeout_ms,
          start_timeout_ms: 600_000,
          enqueue_time: Date.now() / 1000,
        },
      },
      queue,
    );
    return task_id;
  }

  /** Starts a worker; it is killed at the end. */
  async function startWorker(more: Record<string, string> = {}) {
    const worker = spawn(process.execPath, [mainFile], {
      env: { ...process.env, ...env, ...more },
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
    request,
    startWorker,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** All events in the log. */
async function readLog(broker: Broker): Promise<RecordedEvent[]> {
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
const historyOf = (events: readonly RecordedEvent[], id: string): string[] =>
  events
    .filter(({ data }) => data.task_id === id)
    .map((event) => {
      const word = event.type.replace("Generate", "").toLowerCase();
      return event.type === "GenerateRetried"
        ? `${word}.${event.data.attempt} ${event.data.reason}`
        : event.type === "GenerateStarted"
          ? `${word}.${event.data.attempt}`
          : word;
    });

/** Waits until each task has an outcome, and gives the log. */
const outcomesOf = (
  broker: Broker,
  ids: readonly string[],
  timeoutMs = 30_000,
) =>
  eventually(
    async () => {
      const events = await readLog(broker);
      const ended = new Set(
        events.filter(isOutcome).map(({ data }) => data.task_id),
      );
      return ids.every((id) => ended.has(id)) && events;
    },
    { timeoutMs, everyMs: 100 },
  );

/** Waits until the work queue holds nothing any more. */
const queueEmpty = (broker: Broker, timeoutMs = 30_000) =>
  eventually(
    async () => {
      const info = await workQueueInfo(broker, queue);
      return info && info.pending + info.ackPending === 0;
    },
    { timeoutMs },
  );

const started = (broker: Broker, count: number) =>
  eventually(async () => {
    const events = await readLog(broker);
    return events.filter((e) => e.type === "GenerateStarted").length >= count;
  });

/** The engine's process of a worker. */
async function engineOf(worker: ChildProcess): Promise<number> {
  const { pid } = worker;
  const file = `/proc/${pid}/task/${pid}/children`;
  return await eventually(() =>
    Number(readFileSync(file, "utf8").split(" ")[0]),
  );
}

const complete = ["requested", "started.1", "completed"];

suite("a worker", { concurrency: 2 }, () => {
  test("generates what waits and what comes", async () => {
    await using system = await startSystem();
    const before = await system.request();
    await system.startWorker();
    await outcomesOf(system.broker, [before]);
    const ids = await Promise.all(
      Array.from({ length: 100 }, () => system.request()),
    );
    const events = await outcomesOf(system.broker, ids);
    for (const id of [before, ...ids])
      assert.deepEqual(historyOf(events, id), complete);
    await queueEmpty(system.broker);
  });

  test("acknowledges finished tasks that come back, and runs none again", async () => {
    await using system = await startSystem();
    await system.startWorker();
    const ids = await Promise.all(
      Array.from({ length: 200 }, () => system.request()),
    );
    await outcomesOf(system.broker, ids);
    await queueEmpty(system.broker);
    await remakeWorkQueue(system.broker, queue, { ackWaitMs });
    await queueEmpty(system.broker);
    const events = await readLog(system.broker);
    for (const id of ids) assert.deepEqual(historyOf(events, id), complete);
  });

  test("runs its tasks again when the engine dies, and counts a failure", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({ FAKE_MS: "1500", SLOTS: "4" });
    const ids = await Promise.all([1, 2, 3].map(() => system.request()));
    await started(system.broker, 3);
    process.kill(await engineOf(worker), "SIGKILL");
    const events = await outcomesOf(system.broker, ids);
    for (const id of ids)
      assert.deepEqual(historyOf(events, id), [
        "requested",
        "started.1",
        "retried.1 crash",
        "started.2",
        "completed",
      ]);
    const crash = events.find((event) => event.type === "GenerateRetried");
    assert.equal(crash?.data.signal, "SIGKILL");
  });

  test("gives a task up whose engine died too often", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({
      FAKE_MS: "20000",
      MAX_ATTEMPTS: "2",
    });
    const id = await system.request();
    for (const attempt of [1, 2]) {
      await started(system.broker, attempt);
      process.kill(await engineOf(worker), "SIGKILL");
    }
    const events = await outcomesOf(system.broker, [id]);
    const outcome = events.find(isOutcome);
    assert.ok(outcome?.type === "GenerateFailed");
    assert.equal(outcome.data.error.type, "WorkerCrashed");
    assert.equal(outcome.data.attempt, 2);
    await queueEmpty(system.broker);
  });

  test("fails a task that runs past its time", async () => {
    await using system = await startSystem();
    await system.startWorker({ FAKE_MS: "20000" });
    const id = await system.request(3_000);
    const events = await outcomesOf(system.broker, [id]);
    const outcome = events.find(isOutcome);
    assert.ok(outcome?.type === "GenerateFailed");
    assert.equal(outcome.data.error.type, "TimeoutError");
    assert.match(outcome.data.partial_text ?? "", /^word/);
    await queueEmpty(system.broker);
  });

  test("takes over from one that was killed", async () => {
    await using system = await startSystem();
    const first = await system.startWorker({ FAKE_MS: "2000", SLOTS: "2" });
    const ids = await Promise.all([1, 2].map(() => system.request()));
    await started(system.broker, 2);
    await system.startWorker({ FAKE_MS: "100" });
    first.kill("SIGKILL");
    const events = await outcomesOf(system.broker, ids);
    for (const id of ids)
      assert.deepEqual(historyOf(events, id), [
        "requested",
        "started.1",
        "retried.1 gone",
        "started.2",
        "completed",
      ]);
  });

  test("that was frozen past its lease publishes nothing", async () => {
    await using system = await startSystem();
    const first = await system.startWorker({ FAKE_MS: "4000" });
    const id = await system.request();
    await started(system.broker, 1);
    first.kill("SIGSTOP");
    await system.startWorker({ FAKE_MS: "100" });
    await outcomesOf(system.broker, [id]);
    first.kill("SIGCONT");
    // It is alive again once it says that it has nothing in hand.
    await nextWordOf(system.broker, (tasks) => tasks === 0);
    await queueEmpty(system.broker);
    const events = await readLog(system.broker);
    assert.deepEqual(historyOf(events, id), [
      "requested",
      "started.1",
      "retried.1 gone",
      "started.2",
      "completed",
    ]);
  });

  test("that is told to stop finishes what runs", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({ FAKE_MS: "1500" });
    const id = await system.request();
    await started(system.broker, 1);
    worker.kill("SIGTERM");
    const [code] = (await once(worker, "exit")) as [number];
    assert.equal(code, 0);
    assert.deepEqual(historyOf(await readLog(system.broker), id), complete);
    await queueEmpty(system.broker);
  });

  test("that may not finish hands back, and that is no failure", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({
      FAKE_MS: "20000",
      DRAIN_TIMEOUT: "500ms",
    });
    const id = await system.request();
    await started(system.broker, 1);
    worker.kill("SIGTERM");
    await once(worker, "exit");
    await system.startWorker();
    const events = await outcomesOf(system.broker, [id]);
    assert.deepEqual(historyOf(events, id), [
      "requested",
      "started.1",
      "retried.1 drain",
      "started.2",
      "completed",
    ]);
  });
});

/** Waits until every worker that speaks has so many tasks in hand as `fits`. */
async function nextWordOf(
  broker: Broker,
  fits: (tasks: number) => boolean,
): Promise<void> {
  const heard = new Map<string, number>();
  using _ = hearWorkers(broker, ({ worker_id, tasks }) =>
    heard.set(worker_id, tasks.length),
  );
  await eventually(() => heard.size === 2 && [...heard.values()].every(fits));
}
