/** The worker's process on a real broker, with the fake engine in a real child; the log is the witness. */
import {
  remakeWorkQueue,
  workQueueInfo,
} from "@jetscribe/event-log/streams/topology";
import { readTokens } from "@jetscribe/event-log/tokens/tokens";
import { isOutcome, newTaskId } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import {
  ackWaitMs,
  completionOf,
  engineOf,
  historyOf,
  nextWordOf,
  outcomesOf,
  queue,
  queueEmpty,
  read,
  readLog,
  started,
  startSystem,
  type System,
  workerReady,
} from "../../test/workerTestKit.ts";

const complete = "requested, started.1, completed";
const wordEach100Ms = { FAKE_MS: "60000", FAKE_TOKENS: "600" };

/** The engine of a worker that has no task yet; no text comes of it any more. */
async function freezeEngine(
  { broker }: System,
  worker: ChildProcess,
): Promise<number> {
  await workerReady(broker);
  const engine = await engineOf(worker);
  process.kill(engine, "SIGSTOP");
  return engine;
}

describe("a worker", { concurrent: true }, () => {
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
      assert.equal(historyOf(events, id), complete);
    await queueEmpty(system.broker);
  });

  test("acknowledges finished tasks that come back, and runs none again", async () => {
    await using system = await startSystem();
    await system.startWorker();
    const ids = await Promise.all(
      Array.from({ length: 50 }, () => system.request()),
    );
    await outcomesOf(system.broker, ids);
    await queueEmpty(system.broker);
    await remakeWorkQueue(system.broker, queue, { ackWaitMs });
    await queueEmpty(system.broker);
    const events = await readLog(system.broker);
    for (const id of ids) assert.equal(historyOf(events, id), complete);
  });

  test("keeps its task and tries again while the full log refuses the outcome", async () => {
    await using system = await startSystem();
    const { streams } = system.broker.jsm;
    // On a busy machine too the log is full before the text is there.
    const takesMs = 10_000;
    await system.startWorker({ FAKE_MS: String(takesMs), SLOTS: "1" });
    const id = await system.request();
    await started(system.broker, 1);
    const { config, state } = await streams.info("EVENTS");
    await streams.update("EVENTS", { max_bytes: state.bytes + 10 });
    // Its lease would be over by then.
    const pending = async () =>
      (await workQueueInfo(system.broker, queue))?.ackPending;
    await sleep(takesMs + ackWaitMs + 2_000);
    assert.equal(await pending(), 1);
    await streams.update("EVENTS", { max_bytes: config.max_bytes });
    const events = await outcomesOf(system.broker, [id]);
    assert.equal(historyOf(events, id), complete);
    await queueEmpty(system.broker);
  });

  test("runs its tasks again when the engine dies, and counts a failure", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({ FAKE_MS: "500", SLOTS: "4" });
    const engine = await freezeEngine(system, worker);
    const ids = await Promise.all([1, 2, 3].map(() => system.request()));
    await started(system.broker, 3);
    process.kill(engine, "SIGKILL");
    const events = await outcomesOf(system.broker, ids);
    for (const id of ids)
      assert.equal(
        historyOf(events, id),
        "requested, started.1, retried.1 crash, started.2, completed",
      );
    const crash = events.find((event) => event.type === "GenerateRetried");
    assert.equal(crash?.data.signal, "SIGKILL");
  });

  test("keeps the slot of a task whose engine died until it has its text", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({ FAKE_MS: "2000", SLOTS: "1" });
    const engine = await freezeEngine(system, worker);
    const [first, second] = [await system.request(), await system.request()];
    await started(system.broker, 1);
    process.kill(engine, "SIGKILL");
    const events = await outcomesOf(system.broker, [first, second]);
    // The other one may be pulled, and start, while the outcome is being stored.
    const { signal } = new AbortController();
    const piece = (await readTokens(system.broker, first, signal)).at(-1);
    const start = events.find(
      ({ type, data }) => type === "GenerateStarted" && data.task_id === second,
    );
    assert.ok(piece && start && start.time >= piece.time);
    assert.equal(historyOf(events, second), complete);
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

  test("fails a task that is not to be retried when its engine dies, and runs its neighbour again", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({ FAKE_MS: "10000", SLOTS: "2" });
    const id = newTaskId();
    using reader = read(system, id);
    await system.request({ task_id: id, no_retry: true });
    const neighbour = await system.request();
    await started(system.broker, 2);
    await eventually(() => reader.text() !== "");
    process.kill(await engineOf(worker), "SIGKILL");
    const events = await outcomesOf(system.broker, [id, neighbour]);
    assert.equal(
      historyOf(events, id),
      "requested, started.1, retried.1 crash, failed",
    );
    const outcome = events
      .filter(isOutcome)
      .find(({ data }) => data.task_id === id);
    assert.ok(outcome?.type === "GenerateFailed");
    assert.equal(outcome.data.error.type, "WorkerCrashed");
    assert.match(outcome.data.error.message, /not to be retried/);
    assert.match(outcome.data.partial_text ?? "", /^[a-z]{4}/);
    assert.equal(completionOf(events, neighbour).attempt, 2);
    await queueEmpty(system.broker);
  });

  test("that takes over from one that was killed fails a task that is not to be retried, and runs one that was handed back", async () => {
    await using system = await startSystem();
    const first = await system.startWorker({ FAKE_MS: "20000" });
    const id = await system.request({ no_retry: true });
    await started(system.broker, 1);
    first.kill("SIGKILL");
    const drained = await system.startWorker({
      ...{ FAKE_MS: "20000", DRAIN_TIMEOUT: "500ms" },
    });
    const events = await outcomesOf(system.broker, [id]);
    assert.equal(
      historyOf(events, id),
      "requested, started.1, retried.1 gone, failed",
    );
    const handedBack = await system.request({ no_retry: true });
    await started(system.broker, 2);
    drained.kill("SIGTERM");
    await system.startWorker();
    assert.equal(
      historyOf(await outcomesOf(system.broker, [handedBack]), handedBack),
      "requested, started.1, retried.1 drain, started.2, completed",
    );
  });

  test("fails a task that runs past its time", async () => {
    await using system = await startSystem();
    await system.startWorker(wordEach100Ms);
    const id = await system.request({ max_tokens: 600, timeout_ms: 10_000 });
    const events = await outcomesOf(system.broker, [id]);
    const outcome = events.find(isOutcome);
    assert.ok(outcome?.type === "GenerateFailed");
    assert.equal(outcome.data.error.type, "TimeoutError");
    assert.match(outcome.data.partial_text ?? "", /^[a-z]{4}/);
    await queueEmpty(system.broker);
  });

  test("cancels at its deadline a task that runs, and does not start one whose deadline is over", async () => {
    await using system = await startSystem();
    await system.startWorker({ ...wordEach100Ms, SLOTS: "1" });
    await workerReady(system.broker);
    const runs = await system.request({
      ...{ max_tokens: 600, cancel_after_ms: 10_000 },
    });
    await started(system.broker, 1);
    const waits = await system.request({ cancel_after_ms: 500 });
    const events = await outcomesOf(system.broker, [runs, waits]);
    assert.equal(historyOf(events, runs), "requested, started.1, cancelled");
    assert.equal(historyOf(events, waits), "requested, cancelled");
    const [first, second] = events.filter(isOutcome);
    assert.ok(first?.type === "GenerateCancelled");
    assert.ok(second?.type === "GenerateCancelled");
    const { metrics, reason, stage, partial_text = "" } = first.data;
    assert.match(reason, /cancel_after_ms/);
    assert.equal(stage, "processing");
    assert.match(partial_text, /^[a-z]{4}/);
    // A timer may be a few milliseconds early.
    assert.ok(metrics.total_time >= 10 - 0.005, String(metrics.total_time));
    assert.equal(second.data.stage, "queued");
    await queueEmpty(system.broker);
  });

  test("takes over from one that was killed", async () => {
    await using system = await startSystem();
    const first = await system.startWorker({ FAKE_MS: "60000", SLOTS: "2" });
    const ids = await Promise.all([1, 2].map(() => system.request()));
    await started(system.broker, 2);
    await system.startWorker({ FAKE_MS: "100" });
    first.kill("SIGKILL");
    const events = await outcomesOf(system.broker, ids);
    for (const id of ids)
      assert.equal(
        historyOf(events, id),
        "requested, started.1, retried.1 gone, started.2, completed",
      );
  });

  test("that was frozen past its lease publishes nothing", async () => {
    await using system = await startSystem();
    // Its engine has the text before the lease is over.
    const first = await system.startWorker({ FAKE_MS: "10000" });
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
    assert.equal(
      historyOf(events, id),
      "requested, started.1, retried.1 gone, started.2, completed",
    );
  });

  test("that is told to stop finishes what runs", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({ FAKE_MS: "1500" });
    const id = await system.request();
    await started(system.broker, 1);
    worker.kill("SIGTERM");
    const [code] = (await once(worker, "exit")) as [number];
    assert.equal(code, 0);
    assert.equal(historyOf(await readLog(system.broker), id), complete);
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
    assert.equal(
      historyOf(events, id),
      "requested, started.1, retried.1 drain, started.2, completed",
    );
  });
});
