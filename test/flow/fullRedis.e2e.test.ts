/** A Redis that has no memory left: what it lacks is in the log, and it gets that when there is room. */
import { eventually, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { redisCommands } from "../chaos/wire/redis.ts";
import {
  call,
  lineCounts,
  outcome,
  outcomes,
  post,
  untilInRedis,
} from "./client.ts";

test("with a full Redis prompts are accepted, generated and answered from the log; /health says what stands still", async () => {
  await using stack = await startStack({ env: { ENGINE: "fake" } });
  const redis = async (...command: string[]) => {
    const [reply] = await redisCommands(stack.redis.port, [command]);
    return reply;
  };
  const before = await post(stack);
  await outcome(stack, before);

  await redis("CONFIG", "SET", "maxmemory", "1mb");
  const meanwhile = [await post(stack), await post(stack)];
  for (const { status, result } of await outcomes(stack, meanwhile)) {
    assert.equal(status, "completed");
    assert.ok(result);
  }
  const health = async () => {
    const { status, body } = await call(stack, "/health");
    const projections = body["projections"] as Record<string, unknown>[];
    const results = projections.find(({ name }) => name === "results");
    return { code: status, status: body["status"], error: results?.["error"] };
  };
  const full = await eventually(async () => {
    const seen = await health();
    return seen.error !== undefined && seen;
  });
  assert.deepEqual([full.code, full.status], [200, "degraded"]);
  assert.match(String(full.error), /maxmemory/);

  await redis("CONFIG", "SET", "maxmemory", "0");
  await eventually(async () => (await health()).status === "healthy");
  const ids = [before, ...meanwhile];
  await untilInRedis(stack, ids);
  assert.deepEqual(await lineCounts(stack.logDir, ids), [1, 1, 1]);
});
