/** Tasks that take too long: to be started, or to run. */
import { eventually, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { call, lineCounts, logLines, outcome, post } from "./client.ts";
import { countOf, histories } from "./log.ts";

test("a task that waits past its time expires, with all slots taken or without a worker", async () => {
  await using stack = await startStack({
    env: { ENGINE: "fake", FAKE_MS: "60000", FAKE_TOKENS: "600", SLOTS: "1" },
  });
  const runs = await post(stack, { max_tokens: 600 });
  const waits = await post(stack, { start_timeout_ms: 1_500 });
  const failed = await outcome(stack, waits);
  assert.equal(failed["error_type"], "ExpiredError");
  assert.match(String(failed["error_message"]), /1.5 s/);
  await stack.kill("inference");
  const alone = await post(stack, { start_timeout_ms: 500 });
  assert.equal((await outcome(stack, alone))["error_type"], "ExpiredError");
  const log = await histories(stack.natsUrl);
  for (const id of [waits, alone]) {
    assert.equal(countOf(log.get(id), "GenerateStarted"), 0);
    assert.equal(countOf(log.get(id), "GenerateFailed"), 1);
  }
  const { body } = await call(stack, `/status/${runs}`);
  assert.equal(body["status"], "processing");
  assert.deepEqual(await lineCounts(stack.logDir, [waits]), [1]);
  const [line] = await logLines(stack.logDir, waits);
  assert.match(line!, /status=failed .* error=ExpiredError/);
});

test("a task that runs past its time fails with its text so far, and frees its slot", async () => {
  await using stack = await startStack({
    env: { ENGINE: "fake", FAKE_MS: "60000", FAKE_TOKENS: "600", SLOTS: "1" },
  });
  const id = await post(stack, { max_tokens: 600, timeout_ms: 5_000 });
  const failed = await outcome(stack, id);
  assert.equal(failed["error_type"], "TimeoutError");
  const log = await histories(stack.natsUrl);
  const end = log.get(id)?.find(({ type }) => type === "GenerateFailed");
  assert.ok(end?.type === "GenerateFailed");
  assert.match(end.data.partial_text ?? "", /^\w+( \w+)+$/);
  assert.equal(failed["partial_text"], end.data.partial_text);
  assert.ok(end.data.metrics.completion_tokens > 1);
  assert.ok(end.data.metrics.prompt_tokens > 0);
  const next = await post(stack, { max_tokens: 600, timeout_ms: 500 });
  assert.equal((await outcome(stack, next))["error_type"], "TimeoutError");
});

test("where no worker could load the model, that is why a task expires", async () => {
  await using stack = await startStack({
    env: { MODEL: "/nowhere/demo.gguf" },
    healthyWithinMs: 0,
  });
  await eventually(async () => {
    const { body } = await call(stack, "/health");
    const [worker] = body["workers"] as { error?: object }[];
    return worker?.error;
  });
  const id = await post(stack, { start_timeout_ms: 1_000 });
  const failed = await outcome(stack, id);
  assert.equal(failed["error_type"], "ModelLoadError");
  assert.match(String(failed["error_message"]), /does not exist/);
});
