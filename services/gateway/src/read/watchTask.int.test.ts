/** A watched task, by a real broker and a projection that shows nothing of what happens. */
import {
  makeAppender,
  type Appender,
} from "@jetscribe/event-log/append/append";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import {
  makeRecentlyStored,
  type RecentlyStored,
} from "@jetscribe/event-log/state/recentlyStored";
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import { subscribed } from "@jetscribe/event-log/signals/signals";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import {
  evolve,
  isOpen,
  metricsOf,
  newTaskId,
  type OpenTask,
  type Queue,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import {
  eventually,
  natsVersions,
  startNats,
  type NatsVersion,
  type TestServer,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { makeWatchStored, makeWatchTask } from "./watchTask.ts";

const queue: Queue = { model: "demo", lane: "interactive", owner: "a" };
const metrics = metricsOf({ enqueue: 1, firstStart: 2, outcome: 3 }, 1, 1);

const started = (task_id: string, attempt: number): TaskEvent => ({
  type: "GenerateStarted",
  data: {
    ...{ task_id, attempt, worker_id: "w" },
    ...{ start_time: 2, queue_wait_time: 1 },
  },
});
const retried = (task_id: string, attempt: number): TaskEvent => ({
  type: "GenerateRetried",
  data: {
    ...{ task_id, attempt, worker_id: "w", reason: "drain", retry_at: 3 },
    error: { type: "Drained", message: "" },
  },
});
const completed = (task_id: string): TaskEvent => ({
  type: "GenerateCompleted",
  data: {
    ...{ task_id, attempt: 2, worker_id: "w", result: "text" },
    ...{ finish_reason: "stop", metrics },
  },
});
const cancelled = (task_id: string): TaskEvent => ({
  type: "GenerateCancelled",
  data: { ...{ task_id, by: "a", reason: "", stage: "processing" }, metrics },
});

const isAway = { look: () => Promise.reject(new Error("Redis is away")) };

function watchOn(version: NatsVersion): void {
  let nats: TestServer;
  let broker: Broker;
  let appender: Appender;
  let recent: RecentlyStored;
  /** How often the log was searched. */
  let searches = 0;
  /** What a search finds. */
  let found: TaskState | undefined;
  beforeAll(async () => {
    nats = await startNats({ version });
    broker = await connectBroker({ url: nats.url, name: "test" });
    await ensureTopology(broker, {
      ...{ eventsMaxAgeMs: 3_600_000, eventsMaxBytes: 2 ** 24 },
      ...{ taskTimeoutMs: 60_000, replicas: 1 },
      ...{ auditMaxAgeMs: 3_600_000, auditMaxBytes: 2 ** 24 },
    });
    appender = makeAppender(broker, "gateway");
    recent = makeRecentlyStored(broker);
  });
  afterAll(async () => {
    appender[Symbol.dispose]();
    await broker[Symbol.asyncDispose]();
    await nats.stop();
  });

  const append = (event: TaskEvent) => appender.append(event, queue);
  async function request(): Promise<OpenTask> {
    const data = {
      ...{ task_id: newTaskId(), ...queue, prompt: "p" },
      params: { max_tokens: 16, temperature: 0.7, top_p: 0.9 },
      ...{ timeout_ms: 60_000, start_timeout_ms: 60_000, enqueue_time: 1 },
    };
    const event: TaskEvent = { type: "GenerateRequested", data };
    const { seq } = await append(event);
    const task = evolve(undefined, { ...event, seq, time: 1 });
    assert.ok(task && isOpen(task));
    return task;
  }
  async function watch(task: OpenTask) {
    const told: TaskState[] = [];
    const nothing = () => Promise.resolve(undefined);
    const watching = makeWatchTask({
      ...{ broker, recent, watchStored: makeWatchStored(broker) },
      done: { of: () => ({ [Symbol.dispose]: () => undefined }) },
      states: makeTaskStates(broker, isAway),
      readTask: nothing,
      readSurely: () => {
        searches++;
        return Promise.resolve(found);
      },
    })(task, "a", (now) => told.push(now));
    await subscribed(broker);
    return { told, [Symbol.dispose]: () => watching[Symbol.dispose]() };
  }

  test("is told of its starts, its retries and its outcome from the log, and of no outcome that the log refused", async () => {
    const task = await request();
    const { task_id } = task;
    using watched = await watch(task);
    await append(started(task_id, 1));
    await append(retried(task_id, 1));
    await append(started(task_id, 2));
    const { seq } = await append(completed(task_id));
    assert.equal((await append(cancelled(task_id))).duplicate, true);
    const { told } = watched;
    await eventually(() => told.length >= 4);
    assert.deepEqual(
      told.map(({ status, attempt }) => `${status} ${attempt}`),
      ["processing 1", "queued 1", "processing 2", "completed 2"],
    );
    const end = told.at(-1);
    assert.ok(end?.status === "completed");
    assert.deepEqual([end.result, end.end_seq], ["text", seq]);
  });

  test("hears of no other task, and of nothing once it is watched no more", async () => {
    const [task, other] = [await request(), await request()];
    const { told, ...watched } = await watch(task);
    await append(completed(other.task_id));
    using witness = await watch(other);
    watched[Symbol.dispose]();
    await append(started(task.task_id, 1));
    await append(started(other.task_id, 1));
    await eventually(() => witness.told.length > 0);
    assert.deepEqual(told, []);
  });

  test("is looked for in the log once after it begins, and once after a reconnect", async () => {
    const task = await request();
    searches = 0;
    using watched = await watch(task);
    await eventually(() => searches === 1);
    found = evolve(task, { ...cancelled(task.task_id), seq: 9, time: 3 });
    await nats.kill();
    await nats.restart();
    await broker.whenConnected();
    await eventually(() => watched.told.length > 0);
    assert.equal(watched.told.at(-1)?.status, "cancelled");
    found = undefined;
  });

  test("has no outcome by a place in the log where another event stands", async () => {
    const [task, other] = [await request(), await request()];
    const { seq } = await append(completed(other.task_id));
    for (const wrong of [task.seq, seq, seq + 100]) {
      recent.noteOutcome(task.task_id, wrong);
      assert.equal(await recent.outcomeOf(task), undefined);
    }
    recent.noteOutcome(other.task_id, seq);
    assert.equal((await recent.outcomeOf(other))?.status, "completed");
  });
}

for (const version of await natsVersions())
  describe(`a watched task, the ${version} nats-server`, () =>
    watchOn(version));
