/** A cancel, at every time of a task's life. */
import {
  connectBroker,
  subscribe,
} from "@jetscribe/event-log/broker/connection";
import { subscribed } from "@jetscribe/event-log/signals/signals";
import {
  eventually,
  startStack,
  testRandom,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { call, lineCounts, logLines, outcome, post } from "./client.ts";
import { countOf, histories } from "./log.ts";

const cancel = (stack: Stack, id: string) =>
  call(stack, `/cancel/${id}`, { method: "POST" });

const processing = (stack: Stack, id: string) =>
  eventually(async () => {
    const { body } = await call(stack, `/result/${id}`);
    return body["status"] === "processing";
  });

describe("a cancelled task", () => {
  let stack: Stack;
  beforeAll(async () => {
    const pace = { FAKE_MS: "60000", FAKE_TOKENS: "600", SLOTS: "1" };
    stack = await startStack({ env: { ENGINE: "fake", ...pace } });
  });
  afterAll(() => stack.stop());

  test("that waits never reaches the engine; one that runs stops and frees its slot", async () => {
    const running = await post(stack, { max_tokens: 600 });
    await processing(stack, running);
    const queued = await post(stack, { max_tokens: 600 });
    const first = await cancel(stack, queued);
    assert.equal(first.status, 200, JSON.stringify(first.body));
    const answer = { status: "cancelled", task_id: queued };
    assert.deepEqual(first.body, answer);
    assert.equal((await cancel(stack, running)).status, 200);
    for (const id of [queued, running]) {
      const { status } = await outcome(stack, id);
      assert.equal(status, "cancelled");
    }
    // The slot is free: the next one starts.
    const next = await post(stack, { max_tokens: 600 });
    await processing(stack, next);
    await cancel(stack, next);

    const log = await histories(stack.natsUrl);
    assert.equal(countOf(log.get(queued), "GenerateStarted"), 0);
    const end = log
      .get(running)
      ?.find(({ type }) => type === "GenerateCancelled");
    assert.ok(end?.type === "GenerateCancelled");
    assert.equal(end.data.stage, "processing");
    assert.equal(end.data.by, "default");
    const counts = await lineCounts(stack.logDir, [queued, running]);
    assert.deepEqual(counts, [1, 1]);
    const [line] = await logLines(stack.logDir, queued);
    assert.match(line!, /status=cancelled prompt_tokens=0 completion_tokens=0/);
  });

  test("stays cancelled when it is cancelled again", async () => {
    const id = await post(stack, { max_tokens: 600 });
    assert.equal((await cancel(stack, id)).status, 200);
    assert.equal((await cancel(stack, id)).status, 200);
  });

  test("of nobody is not found", async () => {
    const { status } = await cancel(stack, crypto.randomUUID());
    assert.equal(status, 404);
  });
});

test("a thousand races between cancel and completion have one winner each, and everybody is told the same, who only listens too", async () => {
  await using stack = await startStack({
    env: { ENGINE: "fake", FAKE_MS: "1500", FAKE_TOKENS: "20", SLOTS: "128" },
  });
  await using broker = await connectBroker({
    url: stack.natsUrl,
    name: "test",
  });
  const heard = new Map<string, string[]>();
  subscribe(broker, "llm.stored.>", ({ subject, headers }) => {
    const [, , word = ""] = subject.split(".");
    const id = headers?.get("ce-subject") ?? "";
    if (["completed", "failed", "cancelled"].includes(word))
      heard.set(id, [...(heard.get(id) ?? []), word]);
  });
  await subscribed(broker);
  const answers = new Map<string, number>();
  const random = testRandom();
  /** About one cancel of six comes too late, however long the tasks take on this machine. */
  let latestMs = 1_700;
  async function race(): Promise<void> {
    const id = await post(stack);
    await sleep(random.int(0, latestMs));
    const { status, body } = await cancel(stack, id);
    assert.ok([200, 409].includes(status), JSON.stringify(body));
    answers.set(id, status);
    latestMs = Math.max(0, latestMs + (status === 200 ? 10 : -50));
  }
  const racers = Array.from({ length: 50 }, async () => {
    for (let i = 0; i < 20; i++) await race();
  });
  await Promise.all(racers);

  const ids = [...answers.keys()];
  const won = ids.filter((id) => answers.get(id) === 200);
  assert.ok(won.length > 20 && won.length < 980, `${won.length} cancels won`);
  const log = await histories(stack.natsUrl);
  for (const [id, status] of answers) {
    const history = log.get(id);
    const [cancelled, completed] = [
      countOf(history, "GenerateCancelled"),
      countOf(history, "GenerateCompleted"),
    ];
    assert.deepEqual(
      [cancelled, completed],
      status === 200 ? [1, 0] : [0, 1],
      id,
    );
    const result = await outcome(stack, id);
    const word = status === 200 ? "cancelled" : "completed";
    assert.equal(result["status"], word);
    assert.deepEqual(heard.get(id), [word]);
  }
  const counts = await lineCounts(stack.logDir, ids);
  assert.ok(counts.every((lines) => lines === 1));
}, 400_000);

test("a worker that slept through the cancel and the broker's duplicate window adds no second outcome", async () => {
  const taskMs = 8_000;
  await using stack = await startStack({
    env: {
      ...{ ENGINE: "fake", FAKE_MS: String(taskMs), FAKE_TOKENS: "20" },
      ...{ SLOTS: "2", ACK_WAIT: "3s" },
    },
  });
  await using broker = await connectBroker({
    url: stack.natsUrl,
    name: "test",
  });
  await broker.jsm.streams.update("EVENTS", {
    duplicate_window: 1_000 * 1e6,
  });
  const id = await post(stack, { max_tokens: 100 });
  await processing(stack, id);
  await stack.kill("inference", "SIGSTOP");
  assert.equal((await cancel(stack, id)).status, 200);
  await sleep(taskMs); // until the window is over, and the text whole in the engine
  await stack.kill("inference", "SIGCONT");
  // A task that runs after it shows that the worker is at work again.
  const next = await post(stack, { max_tokens: 4 });
  assert.equal((await outcome(stack, next))["status"], "completed");
  const log = await histories(stack.natsUrl);
  assert.equal(countOf(log.get(id), "GenerateCompleted"), 0);
  assert.equal(countOf(log.get(id), "GenerateCancelled"), 1);
});
