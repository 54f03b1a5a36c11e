/** What callers see while something below the gateway is away. */
import { eventually, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { call, outcome, post, untilInRedis } from "./client.ts";

const fake = { ENGINE: "fake" };
const demoModel = fileURLToPath(
  new URL("../../models/demo.gguf", import.meta.url),
);
const generate = {
  method: "POST",
  body: JSON.stringify({ prompt: "hello", max_tokens: 4 }),
};

test("without Redis prompts are accepted, generated and answered from the log", async () => {
  await using stack = await startStack({ env: fake });
  const before = await post(stack);
  await outcome(stack, before);
  await stack.redis.kill();
  const meanwhile = await post(stack);
  for (const id of [before, meanwhile]) {
    const { status, result } = await outcome(stack, id);
    assert.equal(status, "completed");
    assert.ok(result);
  }
  const health = await call(stack, "/health");
  assert.equal(health.status, 503);
  assert.equal(health.body["redis"], false);
  await stack.redis.restart();
  await stack.healthy();
  await outcome(stack, await post(stack));
});

test("without the broker nothing is accepted, and what is known is still answered", async () => {
  await using stack = await startStack({ env: fake });
  const id = await post(stack);
  await untilInRedis(stack, [id]);
  await stack.nats.kill();
  await eventually(async () => (await call(stack, "/readyz")).status === 503);
  const refused = await call(stack, "/generate", generate);
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  assert.equal(refused.body["task_id"], undefined);
  assert.equal((await call(stack, `/result/${id}`)).status, 200);
  await stack.nats.restart();
  await stack.healthy();
  await outcome(stack, await post(stack));
});

test("a broker that does not answer makes a 503 with a task id, whose result tells what became of it", async () => {
  await using stack = await startStack({ env: fake });
  await outcome(stack, await post(stack));
  await stack.nats.kill("SIGSTOP");
  const doubtful = await call(stack, "/generate", generate);
  assert.equal(doubtful.status, 503);
  const id = String(doubtful.body["task_id"]);
  assert.match(id, /^[0-9a-f-]{36}$/);
  await stack.nats.kill("SIGCONT");
  await stack.healthy();
  // The frozen broker had the request in its buffers, or it never came: both are said plainly.
  const status = await eventually(async () => {
    const answer = await call(stack, `/result/${id}?wait=5`);
    return [200, 404].includes(answer.status) && answer.status;
  });
  assert.ok(status);
});

test("a model that is missing or broken is said in /health; once it is there, it works", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-model-"));
  t.onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const model = join(dir, "demo.gguf");
  await using stack = await startStack({
    env: { MODEL: model },
    healthyWithinMs: 0,
  });
  const error = async () => {
    const { status, body } = await call(stack, "/health");
    assert.equal(status, 503);
    const [worker] = body["workers"] as { error?: Record<string, string> }[];
    return worker?.error;
  };
  const missing = await eventually(error);
  assert.equal(missing["type"], "ModelLoadError");
  assert.match(missing["message"]!, /does not exist/);
  const id = await post(stack);

  await writeFile(model, "no model at all");
  const broken = await eventually(async () => {
    const found = await error();
    return !/does not exist/.test(found?.["message"] ?? "") && found;
  });
  assert.equal(broken["type"], "ModelLoadError");

  await copyFile(demoModel, model);
  await stack.healthy();
  assert.equal((await outcome(stack, id))["status"], "completed");
});
