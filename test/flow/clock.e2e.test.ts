/** The machine's clock is set, by hours, while the system runs. */
import { taskIdTime } from "@jetscribe/schema";
import {
  eventually,
  makeClockStep,
  redisPrefix,
  startStack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { redisCommands } from "../chaos/wire/redis.ts";
import { call, outcome, post } from "./client.ts";

const dayMs = 86_400_000;
const resultTtlS = 3_600;
/** What a busy machine may take on top. */
const slackS = 30;

test("a step of the clock changes nothing: ids, waits, durations, deadlines and results stay right", async () => {
  using clock = makeClockStep();
  await using stack = await startStack({
    env: { ...clock.env, ENGINE: "fake", FAKE_MS: "1500", FAKE_TOKENS: "15" },
  });
  const lives = async (id: string) => {
    const { status, body } = await call(stack, `/status/${id}`);
    assert.equal(status, 200);
    return body["status"];
  };
  const isRight = (id: string) =>
    assert.ok(Math.abs((taskIdTime(id) ?? 0) - Date.now()) < slackS * 1_000);
  const ttlS = async (id: string) => {
    const commands = [["PTTL", `${redisPrefix}task:${id}`]];
    const [ttlMs] = await redisCommands(stack.redis.port, commands);
    return Number(ttlMs) / 1_000;
  };
  const known: string[] = [];
  for (const stepMs of [dayMs, -dayMs, 0]) {
    // One that runs while the clock is set, and one that was accepted after it.
    const running = await post(stack, { timeout_ms: 60_000 });
    await eventually(async () => (await lives(running)) !== "queued");
    clock.set(stepMs);
    const fresh = await post(stack, { start_timeout_ms: 60_000 });
    known.push(running, fresh);
    for (const id of [running, fresh]) {
      isRight(id);
      const result = await outcome(stack, id);
      assert.equal(result["status"], "completed");
      const metrics = result["metrics"] as Record<string, number>;
      const { queue_wait_time, processing_time, tokens_per_second } = metrics;
      assert.ok(Number(queue_wait_time) < slackS, JSON.stringify(metrics));
      assert.ok(Number(processing_time) > 1, JSON.stringify(metrics));
      assert.ok(Number(processing_time) < slackS, JSON.stringify(metrics));
      assert.ok(Number(tokens_per_second) > 0);
      await eventually(async () => (await ttlS(id)) > resultTtlS - slackS);
    }
  }
  for (const id of known) assert.equal(await lives(id), "completed");
  const { status } = await call(stack, "/health");
  assert.equal(status, 200);
});
