/** One reader's stream against a real broker; the task itself is said by the test. */
import { makeRecentlyStored } from "@jetscribe/event-log/state/recentlyStored";
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { subscribed } from "@jetscribe/event-log/signals/signals";
import {
  makeReadText,
  type ReadText,
} from "@jetscribe/event-log/tokens/textReader";
import { lastToken, makeTokenLog } from "@jetscribe/event-log/tokens/tokens";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { connectStore, type Store } from "@jetscribe/task-store";
import {
  metricsOf,
  newTaskId,
  type FailedTask,
  type TaskState,
  type TokenChunk,
} from "@jetscribe/schema";
import {
  eventually,
  redisPrefix,
  startNats,
  startRedis,
  type TestServer,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  type DoneHeard,
  hearAllDone,
  makeWatchStored,
  makeWatchTask,
  type WatchTask,
} from "../read/watchTask.ts";
import type { ReadTask } from "../read/readTask.ts";
import { makeStreamTask } from "./streamTask.ts";
import type { StreamEvent } from "./textFeed.ts";
import { makeWaitForOutcome } from "../read/waitForOutcome.ts";
import { makeWatchPlace } from "./watchPlace.ts";

const running = (): TaskState => ({
  ...{ task_id: newTaskId(), seq: 1, model: "demo", lane: "interactive" },
  ...{ owner: "a", enqueue_time: 1, timeout_ms: 1, start_timeout_ms: 1 },
  ...{ max_tokens: 16 },
  ...{ status: "processing", attempt: 1, failures: 0, first_start: 1 },
  worker_id: "w",
});

const queued = (): TaskState => ({
  ...{ task_id: newTaskId(), seq: 1, model: "demo", lane: "interactive" },
  ...{ owner: "a", enqueue_time: 1, timeout_ms: 1, start_timeout_ms: 1 },
  ...{ max_tokens: 16, status: "queued", attempt: 0, failures: 0 },
});

const ended = (task: TaskState): TaskState => ({
  ...{ ...task, status: "cancelled", end_time: 2, end_seq: 2 },
  metrics: metricsOf({ enqueue: 1, firstStart: 1, outcome: 2 }, 1, 1),
});

const chunk = (n: number, offset: number, text: string): TokenChunk => ({
  ...{ worker_id: "w", attempt: 1, n, offset, text },
  ...{ completion_tokens: n, prompt_tokens: 1 },
});

/** The broker's time, by the gateway's clock. */
const nowS = 1_000;

describe("a reader's stream", () => {
  let readText: ReadText;
  let nats: TestServer;
  let broker: Broker;
  let redis: TestServer;
  let store: Store;
  let done: DoneHeard;
  beforeAll(async () => {
    // The newest servers allow a stream 1,000 consumers.
    nats = await startNats({ version: "newest" });
    broker = await connectBroker({ url: nats.url, name: "test" });
    readText = makeReadText(broker);
    await ensureTopology(broker, {
      eventsMaxBytes: 2 ** 24,
      ...{ taskTimeoutMs: 60_000, replicas: 1 },
      ...{ auditMaxAgeMs: 3_600_000, auditMaxBytes: 2 ** 24 },
    });
    redis = await startRedis();
    store = connectStore({
      url: redis.url,
      prefix: redisPrefix,
      name: "test",
      silenceMs: 60_000,
    });
    done = hearAllDone(store);
    await eventually(() => store.redis.publish(`${redisPrefix}done`, ""));
  });
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
    await nats.stop();
    done[Symbol.dispose]();
    await store.close();
    await redis.stop();
  });

  const watch = (
    readTask: ReadTask,
    heard: Pick<DoneHeard, "of"> = done,
  ): WatchTask =>
    makeWatchTask({
      ...{ broker, done: heard, readTask, readSurely: readTask },
      watchStored: makeWatchStored(broker),
      recent: makeRecentlyStored(broker),
      states: makeTaskStates(broker, {
        look: () => Promise.reject(new Error("Redis is away")),
      }),
    });

  const open = (
    task: TaskState,
    signal: AbortSignal,
    onSlow = () => {},
    readTask: ReadTask = () => Promise.resolve(task),
    heard: Pick<DoneHeard, "of"> = done,
    read = readText,
  ) =>
    makeStreamTask({
      ...{ broker, watchTask: watch(readTask, heard), readText: read },
      watchPlace: makeWatchPlace({ places: () => Promise.resolve([]) }),
      forecast: { of: () => undefined },
      clock: { nowS: () => nowS },
      stopping: new AbortController().signal,
    })(task, { owner: "a", lastEventId: undefined, signal, onSlow });

  async function write(taskId: string, count: number, from = 1): Promise<void> {
    using tokens = makeTokenLog(broker);
    let seq = (await lastToken(broker, taskId))?.seq ?? 0;
    for (let n = from; n < from + count; n++) {
      seq = await eventually(async () => {
        const put = await tokens.put(taskId, chunk(n, n - 1, "x"), seq);
        if (put.kind === "stored") return put.seq;
        // No answer came in time: it may be stored or not.
        const last = await lastToken(broker, taskId);
        return last?.chunk.n === n && last.seq;
      });
    }
  }

  test("starts with what was written before", async () => {
    const task = running();
    await write(task.task_id, 3);
    const gone = new AbortController();
    const events = open(task, gone.signal);
    const first = await events.next();
    const second = await events.next();
    assert.deepEqual(first.value, {
      ...{ event: "status" },
      data: { task_id: task.task_id, status: "processing", attempt: 1 },
    });
    assert.deepEqual(second.value, {
      ...{ event: "token", id: "1.3", data: { text: "xxx" } },
    });
    gone.abort();
    assert.equal((await events.next()).done, true);
  });

  test("has the first piece at once that was written just before it, without reading the text", async () => {
    const task = queued();
    await write(task.task_id, 1);
    const gone = new AbortController();
    const notRead = () => Promise.reject(new Error("not asked"));
    const events = open(
      ...([task, gone.signal, undefined, undefined, done] as const),
      notRead,
    );
    const told = [];
    for (let i = 0; i < 3; i++) told.push((await events.next()).value);
    const status = (status: string, attempt: number) => ({
      event: "status",
      data: { task_id: task.task_id, status, attempt },
    });
    assert.deepEqual(told, [
      status("queued", 0),
      status("processing", 1),
      { event: "token", id: "1.1", data: { text: "x" } },
    ]);
    gone.abort();
    assert.equal((await events.next()).done, true);
  });

  test("is unavailable where the broker goes away before anything was sent", async () => {
    await using dying = await startNats({ version: "newest" });
    await using lost = await connectBroker({ url: dying.url, name: "test" });
    const events = makeStreamTask({
      ...{ broker: lost, readText, stopping: new AbortController().signal },
      watchTask: () => ({ [Symbol.dispose]: () => undefined }),
      watchPlace: () => ({ [Symbol.dispose]: () => undefined }),
      forecast: { of: () => undefined },
      clock: { nowS: () => nowS },
    })(running(), {
      ...{ owner: "a", lastEventId: undefined, onSlow: () => undefined },
      signal: new AbortController().signal,
    });
    // It answers nothing any more, and then it is gone.
    await dying.kill("SIGSTOP");
    const first = events.next();
    const refused = assert.rejects(first, { code: "unavailable" });
    await dying.kill("SIGKILL");
    await refused;
  });

  test("has the outcome without any text once the texts have expired, and all of it before", async () => {
    const failed = (end_time: number): FailedTask => ({
      ...{ ...queued(), status: "failed", end_time, end_seq: 2 },
      ...{ error: { type: "RuntimeError", message: "why" } },
      ...{ partial_text: "xxx", result_ttl_ms: 5_000 },
      metrics: metricsOf({ enqueue: 1, firstStart: 1, outcome: 2 }, 1, 1),
    });
    const toldOf = async (task: TaskState) => {
      await write(task.task_id, 3);
      const told = [];
      for await (const event of open(task, new AbortController().signal))
        told.push(event);
      return told;
    };
    const [status, end, ...rest] = await toldOf(failed(nowS - 5));
    assert.equal(status?.event, "status");
    assert.deepEqual([end?.event, end?.id, rest], ["failed", "end", []]);
    const data = end?.data as Record<string, unknown>;
    assert.deepEqual(
      [data["result_expired"], data["error_message"], data["partial_text"]],
      [true, "why", undefined],
    );
    const shown = await toldOf(failed(nowS - 4.999));
    assert.deepEqual(
      shown.map(({ event }) => event),
      ["status", "token", "failed"],
    );
    assert.ok(!("result_expired" in (shown.at(-1)?.data ?? {})));
  });

  test("has no text of an outcome that it hears of after the texts have expired", async () => {
    const task = running();
    await write(task.task_id, 3);
    const now: TaskState = {
      ...{ ...ended(task), end_time: nowS - 5 },
      ...{ partial_text: "xxx", result_ttl_ms: 5_000 },
    };
    const told = [];
    const gone = new AbortController();
    for await (const event of open(task, gone.signal, undefined, () =>
      Promise.resolve(now),
    ))
      told.push(event);
    const end = told.at(-1);
    const data = end?.data as Record<string, unknown>;
    assert.deepEqual(
      [end?.event, data["result_expired"], data["partial_text"]],
      ["cancelled", true, undefined],
    );
  });

  test("is told that its reader is too slow, and holds no more for it", async () => {
    const task = running();
    const gone = new AbortController();
    let slow = 0;
    const events = open(task, gone.signal, () => {
      slow++;
      gone.abort();
    });
    await events.next(); // subscribed from here on; nothing more is taken
    await write(task.task_id, 1_100);
    await eventually(() => slow > 0);
    assert.equal((await events.next()).done, true);
    assert.equal(slow, 1);
  });

  test("is not taken for slow while the text so far is read, and then has all of it, and the outcome", async () => {
    const task = running();
    let now: TaskState = task;
    const waits = Promise.withResolvers<void>();
    let tell = () => {};
    const heard: Pick<DoneHeard, "of"> = {
      of(_taskId, onDone) {
        tell = onDone;
        return { [Symbol.dispose]: () => undefined };
      },
    };
    await write(task.task_id, 2);
    const gone = new AbortController();
    let slow = 0;
    let asked = 0;
    const events = open(
      task,
      gone.signal,
      () => slow++,
      () => Promise.resolve(now),
      heard,
      async (...args) => {
        asked++;
        await waits.promise;
        return await readText(...args);
      },
    );
    await events.next();
    const next = events.next();
    await eventually(() => asked > 0);
    await write(task.task_id, 1_100, 3);
    now = ended(task);
    tell();
    waits.resolve();
    let text = "";
    let last = "";
    const take = ({ event, data }: StreamEvent) => {
      last = event;
      if (event === "token") text += (data as { text: string }).text;
    };
    const first = await next;
    if (!first.done) take(first.value);
    for await (const one of events) take(one);
    assert.deepEqual([text.length, last, slow], [1_102, "cancelled", 0]);
  });

  test("ends with its task, however often that can't be read when it ends", async () => {
    const task = running();
    let looks = 0;
    const readTask = () => {
      if (++looks < 3) return Promise.reject(new Error("Redis is away"));
      return Promise.resolve(ended(task));
    };
    const gone = new AbortController();
    const told: string[] = [];
    for await (const { event } of open(task, gone.signal, undefined, readTask))
      told.push(event);
    assert.deepEqual(told, ["status", "cancelled"]);
  });

  test("has the last text of a task that was cancelled, also where the outcome is heard before it", async () => {
    const task = running();
    let now: TaskState = task;
    let onDone = () => {};
    const heard = {
      of(_id: string, listener: () => void) {
        onDone = listener;
        return { [Symbol.dispose]: () => {} };
      },
    };
    const gone = new AbortController();
    const events = open(
      ...([task, gone.signal, undefined, () => Promise.resolve(now)] as const),
      heard,
    );
    await write(task.task_id, 1);
    await events.next();
    await events.next(); // what was there before is told: from here on it is heard
    now = ended(task);
    onDone();
    await write(task.task_id, 1, 2);
    await subscribed(broker);
    const told: unknown[] = [];
    for await (const { event, data } of events) told.push(event, data);
    assert.deepEqual(told.slice(0, 3), ["token", { text: "x" }, "cancelled"]);
  });

  test("a waiting call too", async () => {
    const task = running();
    let looks = 0;
    const readTask = () =>
      ++looks < 3
        ? Promise.reject(new Error("Redis is away"))
        : Promise.resolve(ended(task));
    const waitForOutcome = makeWaitForOutcome(
      ...([watch(readTask), readTask, new AbortController().signal] as const),
    );
    const { signal } = new AbortController();
    const wait = waitForOutcome(task.task_id, "a", {
      ...{ ms: 60_000, signal, known: task },
    });
    await store.redis.publish(
      `${redisPrefix}done`,
      `${newTaskId()}\n${task.task_id}`,
    );
    assert.equal((await wait)?.status, "cancelled");
  });

  test("has what was written before, however many readers come at once", async () => {
    const tasks = Array.from({ length: 1_500 }, running);
    await Promise.all(tasks.map(({ task_id }) => write(task_id, 2)));
    const gone = new AbortController();
    const texts = await Promise.all(
      tasks.map(async (task) => {
        const events = open(task, gone.signal);
        await events.next();
        return JSON.stringify((await events.next()).value);
      }),
    );
    const token = { event: "token", id: "1.2", data: { text: "xx" } };
    assert.deepEqual([...new Set(texts)], [JSON.stringify(token)]);
    gone.abort();
  });

  test("needs no consumer while it is open", async () => {
    const gone = new AbortController();
    const streams = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const task = running();
        await write(task.task_id, 2);
        const events = open(task, gone.signal);
        await events.next();
        await events.next();
        return events;
      }),
    );
    const consumers = async () =>
      (await broker.jsm.streams.info("TOKENS")).state.consumer_count;
    await eventually(async () => (await consumers()) === 0);
    gone.abort();
    for (const events of streams)
      assert.equal((await events.next()).done, true);
  });
});
