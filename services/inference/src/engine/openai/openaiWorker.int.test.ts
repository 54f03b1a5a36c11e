/**
 * A worker on an upstream that breaks off or answers as it shouldn't: its tasks are retried by the rules that hold for
 * every engine, and one task's fault is not another's.
 */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { readTokens } from "@jetscribe/event-log/tokens/tokens";
import { isOutcome } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import {
  completionOf,
  engineOf,
  historyOf,
  lastStartOf,
  outcomesOf,
  patient,
  queue,
  queueEmpty,
  requestOf,
  startSystem,
} from "../../../test/workerTestKit.ts";
import {
  answer,
  key,
  model,
  startUpstream,
  type TestUpstream,
} from "../../../test/upstreamTestKit.ts";

const brokenAfter = 25;

const envFor = ({ url }: TestUpstream) => ({
  ENGINE: "openai",
  MODEL_NAME: queue.model,
  UPSTREAM_KEY: key,
  UPSTREAM_URL: url,
  UPSTREAM_MODEL: model,
});

/** A task whose first answer breaks off; its log. */
async function breakOff(raw: boolean) {
  await using upstream = await startUpstream();
  await using system = await startSystem();
  const { type, data } = requestOf();
  const id = data.task_id;
  const { signal } = new AbortController();
  const isStored = eventually(
    async () => (await readTokens(system.broker, id, signal)).length > 0,
  );
  upstream.instead.push({ breakAfter: brokenAfter, at: isStored });
  await system.startWorker(envFor(upstream));
  using appender = makeAppender(system.broker, "test");
  await appender.append({ type, data: { ...data, raw } }, queue, patient);
  const events = await outcomesOf(system.broker, [id]);
  await queueEmpty(system.broker);
  assert.equal(
    historyOf(events, id),
    "requested, started.1, retried.1 crash, started.2, completed",
  );
  const completion = completionOf(events, id);
  assert.equal(completion.result, answer.join(""));
  assert.equal(completion.metrics.completion_tokens, answer.length);
  return { completion, start: lastStartOf(events, id), calls: upstream.calls };
}

describe("a worker on an upstream", { concurrent: true }, () => {
  test("begins a chat again that was broken off", async () => {
    const { completion, start, calls } = await breakOff(false);
    assert.equal(completion.continued, undefined);
    assert.equal(start.kept_chars, undefined);
    assert.deepEqual(calls[1]?.body.messages, calls[0]?.body.messages);
  });

  test("goes on with a raw text that was broken off", async () => {
    const { completion, start, calls } = await breakOff(true);
    assert.equal(completion.continued, true);
    const { kept_chars = 0 } = start;
    assert.ok(kept_chars > 0);
    const kept = answer.join("").slice(0, kept_chars);
    assert.equal(calls[1]?.body.prompt, `${calls[0]?.body.prompt}${kept}`);
  });

  test("gives each task its own outcome, whatever the answers of the others are", async () => {
    await using upstream = await startUpstream();
    await using system = await startSystem();
    const worker = await system.startWorker(envFor(upstream));
    const requested = async (
      instead: TestUpstream["instead"],
      options = {},
    ) => {
      const { length } = upstream.calls;
      upstream.instead.push(...instead);
      const id = await system.request(options);
      // The first one waits for the worker to be up.
      await eventually(() => upstream.calls.length > length);
      return id;
    };
    const busy = { status: 429, headers: { "retry-after-ms": "300" } };
    const piece = (choice: object) =>
      `data: ${JSON.stringify({ choices: [choice] })}\n\n`;
    const neighbour = await requested([]);
    const engine = await engineOf(worker);
    const odd = await requested([
      { pieces: [piece({ delta: { content: "Hello" } }), "data: {\n\n"] },
    ]);
    const thoughtful = await requested([
      {
        pieces: [
          piece({ delta: { reasoning_content: "2 + 2" } }),
          piece({ delta: { content: "4" }, finish_reason: "eos" }),
        ],
      },
    ]);
    const broken = await requested(
      Array.from({ length: 3 }, () => ({ breakAfter: 5 })),
    );
    await outcomesOf(system.broker, [broken]);
    // More than its time holds.
    const late = await requested(
      Array.from({ length: 100 }, () => busy),
      { timeout_ms: 10_000 },
    );
    const ids = [neighbour, odd, thoughtful, broken, late];
    const events = await outcomesOf(system.broker, ids);

    assert.equal(completionOf(events, neighbour).result, answer.join(""));
    assert.equal(
      historyOf(events, neighbour),
      "requested, started.1, completed",
    );
    const { result, reasoning, finish_reason } = completionOf(
      events,
      thoughtful,
    );
    assert.deepEqual(
      [result, reasoning, finish_reason],
      ["4", "2 + 2", "stop"],
    );
    const failureOf = (id: string) => {
      const outcome = events
        .filter(isOutcome)
        .find(({ data }) => data.task_id === id);
      assert.ok(outcome?.type === "GenerateFailed");
      const { error, partial_text } = outcome.data;
      return { type: error.type, message: error.message, partial_text };
    };
    assert.deepEqual(failureOf(odd), {
      type: "RuntimeError",
      message: "the upstream failed: it sent an event that is no JSON",
      partial_text: "Hello",
    });
    assert.deepEqual(failureOf(late), {
      type: "TimeoutError",
      message: "it ran for more than 10 s; the upstream answered 429",
      partial_text: undefined,
    });
    const { type, message } = failureOf(broken);
    assert.equal(type, "WorkerCrashed");
    assert.match(message, /died 3 times; the last time: the upstream failed: /);
    assert.equal(await engineOf(worker), engine);
    assert.equal(worker.exitCode, null);
  });
});
