/** Streaming workers on a real broker, with the fake engine: what readers see over crashes, hangs and take-overs. */
import {
  lastToken,
  makeTokenLog,
  readTokens,
} from "@jetscribe/event-log/tokens/tokens";
import { isOutcome, type TokenChunk } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "vitest";
import { fakeText, seedOf } from "../engine/fake/fakeText.ts";
import {
  cancel,
  completionOf,
  engineOf,
  historyOf,
  killAtEachStartOf,
  lastStartOf,
  nextWordOf,
  outcomesOf,
  patient,
  queue,
  queueEmpty,
  read,
  readLog,
  started,
  startSystem,
  type System,
} from "../../test/workerTestKit.ts";

const tokens = 150;
const paced = (ms: number) => ({
  FAKE_MS: String(ms),
  FAKE_TOKENS: String(tokens),
});
const seed = seedOf({ prompt: "Explain quantum computing" });
const wholeText = fakeText(seed, 0, tokens);
const long = { max_tokens: 1_000 };

const reaches = (seen: { text: () => string }, share: number) =>
  eventually(() => seen.text().length >= share * wholeText.length);

const storedChunks = async ({ broker }: System, id: string) =>
  (await readTokens(broker, id, new AbortController().signal)).map(
    ({ chunk }) => chunk,
  );

/** What is stored of a text, joined; nothing is missing between its pieces. */
async function storedText(system: System, id: string): Promise<string> {
  let text = "";
  for (const { offset, text: piece } of await storedChunks(system, id)) {
    assert.ok(offset <= text.length, "a hole");
    text = text.slice(0, offset) + piece;
  }
  return text;
}

/** Whether the text went on without a seam: what was read, joined, and what the events say of it. */
async function assertContinued(
  system: System,
  id: string,
  seen: ReturnType<typeof read>,
  history: string,
): Promise<void> {
  const events = await outcomesOf(system.broker, [id]);
  assert.equal(historyOf(events, id), history);
  const completion = completionOf(events, id);
  assert.equal(completion.result, wholeText);
  assert.equal(completion.continued, true);
  assert.equal(completion.metrics.completion_tokens, tokens);
  const start = lastStartOf(events, id);
  assert.ok((start.kept_chars ?? 0) > 0 && (start.kept_tokens ?? 0) > 0);
  assert.ok(wholeText.startsWith(seen.text()));
  assert.ok(seen.text().length >= start.kept_chars!);
  const markers = seen.heard.filter(({ n }) => n === 0);
  assert.deepEqual(
    markers.map(({ attempt, offset }) => [attempt, offset]),
    [[2, start.kept_chars]],
  );
}

describe("the text of a running task", { concurrent: true }, () => {
  test("is streamed while it is written", async () => {
    await using system = await startSystem();
    const id = await system.request(long);
    using seen = read(system, id);
    await system.startWorker(paced(8_000));
    const completion = completionOf(await outcomesOf(system.broker, [id]), id);
    assert.equal(completion.result, wholeText);
    assert.equal(completion.continued, undefined);
    assert.ok(seen.heard.length > 1);
    assert.ok(wholeText.startsWith(seen.text()));
    const [{ data: start } = { data: undefined }] = (
      await readLog(system.broker)
    ).filter(({ type }) => type === "GenerateStarted");
    assert.ok(start && "worker_id" in start);
    for (const [i, chunk] of seen.heard.entries()) {
      assert.deepEqual([chunk.n, chunk.attempt], [i + 1, 1]);
      assert.equal(chunk.worker_id, start.worker_id);
      assert.equal(chunk.prompt_tokens, completion.metrics.prompt_tokens);
      // " word" is one token.
      assert.equal(
        chunk.completion_tokens,
        (chunk.offset + chunk.text.length + 1) / 5,
      );
    }
  });

  test("goes on after the engine was killed", async () => {
    await using system = await startSystem();
    const id = await system.request(long);
    using seen = read(system, id);
    const worker = await system.startWorker(paced(8_000));
    await reaches(seen, 0.1);
    process.kill(await engineOf(worker), "SIGKILL");
    await assertContinued(
      system,
      id,
      seen,
      "requested, started.1, retried.1 crash, started.2, completed",
    );
    const { kept_chars = 0 } = lastStartOf(await readLog(system.broker), id);
    assert.ok(kept_chars >= 0.1 * wholeText.length);
  });

  test("goes on after the engine hung", async () => {
    await using system = await startSystem();
    const id = await system.request(long);
    using seen = read(system, id);
    const worker = await system.startWorker({
      ...paced(8_000),
      HANG_TIMEOUT: "6s",
    });
    await reaches(seen, 0.1);
    process.kill(await engineOf(worker), "SIGSTOP");
    await assertContinued(
      system,
      id,
      seen,
      "requested, started.1, retried.1 hang, started.2, completed",
    );
  });

  test("goes on at another worker after one was killed", async () => {
    await using system = await startSystem();
    const id = await system.request(long);
    using seen = read(system, id);
    const first = await system.startWorker(paced(8_000));
    await reaches(seen, 0.1);
    first.kill("SIGKILL");
    await system.startWorker(paced(1_000));
    await assertContinued(
      system,
      id,
      seen,
      "requested, started.1, retried.1 gone, started.2, completed",
    );
  });

  test("goes on at another worker after one was told to stop", async () => {
    await using system = await startSystem();
    const id = await system.request(long);
    using seen = read(system, id);
    const first = await system.startWorker({
      ...paced(60_000),
      DRAIN_TIMEOUT: "100ms",
    });
    await reaches(seen, 0.05);
    first.kill("SIGTERM");
    await once(first, "exit");
    await system.startWorker(paced(1_000));
    await assertContinued(
      system,
      id,
      seen,
      "requested, started.1, retried.1 drain, started.2, completed",
    );
  });

  test("of a worker that was frozen past its lease is not added to", async () => {
    await using system = await startSystem();
    const id = await system.request(long);
    using seen = read(system, id);
    const first = await system.startWorker(paced(60_000));
    await reaches(seen, 0.05);
    first.kill("SIGSTOP");
    await system.startWorker(paced(1_000));
    await outcomesOf(system.broker, [id]);
    const before = await storedChunks(system, id);
    first.kill("SIGCONT");
    // It is alive again once it says that it has nothing in hand.
    await nextWordOf(system.broker, (tasks) => tasks === 0);
    await queueEmpty(system.broker);
    assert.deepEqual(await storedChunks(system, id), before);
    const marker = before.findIndex(({ n }) => n === 0);
    const workers = before.slice(marker).map(({ worker_id }) => worker_id);
    assert.ok(marker > 0 && !workers.includes(before[0]!.worker_id));
    await assertContinued(
      system,
      id,
      seen,
      "requested, started.1, retried.1 gone, started.2, completed",
    );
  });

  test("goes on over a restart of the broker", async () => {
    await using system = await startSystem();
    const id = await system.request(long);
    await system.startWorker(paced(5_000));
    // Nobody reads along: a reader whose connection is back after the worker's misses a piece.
    const before = await eventually(async () => {
      const text = await storedText(system, id);
      return text.length >= 0.2 * wholeText.length && text;
    });
    await system.nats.kill();
    await system.nats.restart();
    const events = await outcomesOf(system.broker, [id]);
    assert.equal(completionOf(events, id).result, wholeText);
    const after = await storedText(system, id);
    assert.ok(wholeText.startsWith(after));
    assert.ok(after.startsWith(before));
  });

  test("that has all its tokens needs no engine any more", async () => {
    await using system = await startSystem();
    const id = await leftBy(system, {
      offset: 0,
      text: "abc",
      completion_tokens: 4,
    });
    await system.startWorker(paced(0));
    const events = await outcomesOf(system.broker, [id]);
    const { result, finish_reason, metrics, continued } = completionOf(
      events,
      id,
    );
    assert.deepEqual(
      [result, finish_reason, continued],
      ["abc", "length", true],
    );
    assert.deepEqual(
      [metrics.completion_tokens, metrics.prompt_tokens],
      [4, 5],
    );
  });

  test("with a hole is written from the start", async () => {
    await using system = await startSystem();
    const id = await leftBy(system, {
      offset: 3,
      text: "def",
      completion_tokens: 2,
    });
    await system.startWorker(paced(0));
    const events = await outcomesOf(system.broker, [id]);
    const { result, continued } = completionOf(events, id);
    assert.deepEqual([result, continued], [fakeText(seed, 0, 4), undefined]);
    assert.equal(lastStartOf(events, id).kept_chars, undefined);
    const marker = (await storedChunks(system, id)).find(({ n }) => n === 0);
    assert.deepEqual([marker?.attempt, marker?.offset], [2, 0]);
  });
});

/** A task of four tokens that a worker which is gone left so. */
async function leftBy(
  { broker, appender, request }: System,
  left: Pick<TokenChunk, "offset" | "text" | "completion_tokens">,
): Promise<string> {
  const id = await request({ max_tokens: 4 });
  const now = Date.now() / 1000;
  const attempt = { task_id: id, attempt: 1, worker_id: "ghost" };
  await appender.append(
    {
      type: "GenerateStarted",
      data: { ...attempt, start_time: now, queue_wait_time: 0 },
    },
    queue,
    patient,
  );
  using tokenLog = makeTokenLog(broker);
  await tokenLog.put(
    id,
    { worker_id: "ghost", attempt: 1, n: 1, prompt_tokens: 5, ...left },
    0,
  );
  // The broker's answer may be late.
  await eventually(async () => (await lastToken(broker, id)) !== undefined);
  return id;
}

/** Ends a task as the gateway does when it is told to cancel it. */
describe("a cancelled task", { concurrent: true }, () => {
  test("that runs stops, frees its slot, and nothing more comes of it", async () => {
    await using system = await startSystem();
    // No renewal comes in time to find the cancel in the log.
    const deaf = { ACK_WAIT: "1h" };
    await system.startWorker({ ...paced(600_000), SLOTS: "1", ...deaf });
    const id = await system.request({ ...long, timeout_ms: 600_000 });
    await eventually(async () => (await storedChunks(system, id)).length > 0);
    // Its slot is the only one.
    const next = await system.request({ max_tokens: 1 });
    await cancel(system, id);
    await started(system.broker, 2);
    const chunks = await storedChunks(system, id);
    await outcomesOf(system.broker, [next]);
    await queueEmpty(system.broker);
    assert.equal(
      historyOf(await readLog(system.broker), id),
      "requested, started.1, cancelled",
    );
    assert.deepEqual(await storedChunks(system, id), chunks);
  });

  test("that waits never reaches the engine", async () => {
    await using system = await startSystem();
    const [before, after] = [await system.request(), await system.request()];
    await cancel(system, before);
    await system.startWorker({ ...paced(600_000), SLOTS: "1" });
    await started(system.broker, 1);
    const waiting = await system.request();
    await cancel(system, waiting);
    await cancel(system, after);
    await queueEmpty(system.broker);
    const events = await readLog(system.broker);
    for (const id of [before, waiting])
      assert.equal(historyOf(events, id), "requested, cancelled");
    assert.equal(historyOf(events, after), "requested, started.1, cancelled");
  });
});

describe("a task that kills the engine each time it starts", () => {
  test("ends as WorkerCrashed, and the others complete", async () => {
    await using system = await startSystem();
    const worker = await system.startWorker({ ...paced(8_000), SLOTS: "16" });
    // However late the test sees its start, it is not at its end; the others are short.
    const ids = await Promise.all(
      Array.from({ length: 16 }, (_, i) =>
        system.request(i === 7 ? long : { max_tokens: 15 }),
      ),
    );
    const poison = ids[7]!;
    await killAtEachStartOf(poison, system, worker, 3);
    const events = await outcomesOf(system.broker, ids);
    for (const id of ids.filter((id) => id !== poison))
      assert.equal(completionOf(events, id).result, fakeText(seed, 0, 15));
    const outcome = events
      .filter(isOutcome)
      .find(({ data }) => data.task_id === poison);
    assert.ok(outcome?.type === "GenerateFailed");
    assert.equal(outcome.data.error.type, "WorkerCrashed");
    const attempts = [1, 2, 3].map((n) => `started.${n}, retried.${n} crash`);
    assert.equal(
      historyOf(events, poison),
      `requested, ${attempts.join(", ")}, failed`,
    );
    await queueEmpty(system.broker);
    assert.equal(worker.exitCode, null);
  });
});
