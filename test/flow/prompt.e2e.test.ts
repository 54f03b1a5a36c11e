/** One prompt from end to end, on the real model. */
import { startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  call,
  lineCounts,
  logLines,
  outcome,
  post,
  type Running,
} from "./client.ts";

describe("a prompt", () => {
  let stack: Stack;
  /** The same, with the key of another owner. */
  let other: Running;
  beforeAll(async () => {
    const env = { API_KEYS: "ann:key-of-ann,bob:key-of-bob", GPU: "off" };
    stack = { ...(await startStack({ env })), key: "key-of-ann" };
    other = { url: stack.url, key: "key-of-bob" };
  });
  afterAll(() => stack.stop());

  test("is accepted, generated, looked up and logged", async () => {
    const accepted = await call(stack, "/generate", {
      method: "POST",
      body: JSON.stringify({
        ...{ prompt: "What is the sun?", max_tokens: 40 },
        temperature: 0, // or its own end may come with the first tokens
      }),
    });
    assert.equal(accepted.status, 202);
    assert.equal(accepted.body["status"], "queued");
    const id = String(accepted.body["task_id"]);
    assert.equal(accepted.headers.get("location"), `/result/${id}`);

    const { result, metrics, status } = await outcome(stack, id);
    assert.equal(status, "completed");
    assert.ok(typeof result === "string" && result.length > 20);
    const numbers = metrics as Record<string, number>;
    const { queue_wait_time, processing_time, total_time } = numbers;
    assert.equal(total_time, queue_wait_time! + processing_time!);
    assert.equal(
      numbers["tokens_per_second"],
      numbers["completion_tokens"]! / processing_time!,
    );

    assert.deepEqual(await lineCounts(stack.logDir, [id]), [1]);
    const [line] = await logLines(stack.logDir, id);
    assert.match(
      line!,
      /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] task_id=[0-9a-f-]{36} status=success prompt_tokens=\d+ completion_tokens=\d+ tokens_per_sec=\d+\.\d\d queue_wait=\d+\.\d\ds processing_time=\d+\.\d\ds total_time=\d+\.\d\ds/,
    );

    const state = await call(stack, `/status/${id}`);
    assert.equal(state.body["status"], "completed");
    assert.equal(state.body["queue_position"], null);
    assert.equal(state.body["attempt"], 1);
  });

  test("can be waited for in one call", async () => {
    const { status, body, headers } = await call(stack, "/generate", {
      method: "POST",
      headers: { prefer: "wait=30" },
      body: JSON.stringify({ prompt: "Hello", max_tokens: 8 }),
    });
    assert.equal(status, 200);
    assert.equal(headers.get("preference-applied"), "wait=30");
    assert.equal(body["status"], "completed");
  });

  test("at temperature 0 gives the same text every time, with others beside it", async () => {
    const fields = { prompt: "Explain quantum computing", max_tokens: 48 };
    const texts = new Set<unknown>();
    for (let round = 0; round < 2; round++) {
      const ids = await Promise.all([
        post(stack, fields),
        post(stack, { prompt: "What is a river?", temperature: 1 }),
        post(stack, fields),
      ]);
      const results = await Promise.all(ids.map((id) => outcome(stack, id)));
      texts.add(results[0]?.["result"]).add(results[2]?.["result"]);
    }
    assert.equal(texts.size, 1);
  });

  test("says how it was generated, so that it can be repeated", async () => {
    const prompt = `${"Here comes a wish. ".repeat(20)}Tell me a story.`;
    const fields = { prompt, max_tokens: 24 };
    const told = await outcome(
      stack,
      await post(stack, { ...fields, temperature: 1 }),
    );
    assert.equal(told["model"], "demo");
    assert.equal(told["quantization"], "Q8_0");
    assert.match(String(told["model_sha256"]), /^[0-9a-f]{64}$/);
    assert.match(String(told["engine_version"]), /^node-llama-cpp \d/);
    const { seed, temperature } = told["params"] as Record<string, number>;
    const again = await post(stack, { ...fields, seed, temperature });
    const repeated = await outcome(stack, again);
    assert.equal(repeated["result"], told["result"]);
    // Of the same prompt only the last tokens are computed again.
    const { prompt_tokens } = repeated["metrics"] as Record<string, number>;
    assert.equal(repeated["cached_tokens"], prompt_tokens! - 64);
  });

  test("of fewer than 64 tokens is not read again for its owner, and tells another owner nothing", async () => {
    const prompt = "Why does the moon follow a ship over the sea?";
    const ask = async (running: Running) => {
      const told = await outcome(running, await post(running, { prompt }));
      const { prompt_tokens } = told["metrics"] as Record<string, number>;
      return { tokens: prompt_tokens!, cached: told["cached_tokens"] };
    };
    await ask(stack);
    const own = await ask(stack);
    assert.ok(own.tokens < 64);
    assert.equal(own.cached, own.tokens - 1);
    assert.equal((await ask(other)).cached, 0);
    assert.deepEqual(await ask(other), own);
  });

  test("is continued as it is where it is raw", async () => {
    const prompt = "The capital of France is";
    const [chat, raw] = await Promise.all([
      post(stack, { prompt }),
      post(stack, { prompt, raw: true }),
    ]);
    const [answer, continuation] = [
      await outcome(stack, chat),
      await outcome(stack, raw),
    ];
    assert.equal(continuation["status"], "completed");
    assert.notEqual(answer["result"], continuation["result"]);
  });

  test("that can't fit the context fails with both numbers, and is logged", async () => {
    const id = await post(stack, { max_tokens: 32_768 });
    const failed = await outcome(stack, id);
    assert.equal(failed["status"], "failed");
    assert.equal(failed["error_type"], "ValidationError");
    assert.match(String(failed["error_message"]), /32768.*\d+/);
    assert.deepEqual(await lineCounts(stack.logDir, [id]), [1]);
    const [line] = await logLines(stack.logDir, id);
    assert.match(line!, /status=failed.* error=ValidationError/);
  });

  test("of another key is not there", async () => {
    const id = await post(stack);
    const answer = await call({ ...stack, key: "wrong" }, `/result/${id}`);
    assert.equal(answer.status, 401);
  });
});
