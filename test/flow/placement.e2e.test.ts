/** Where the workers run, as `/health` says it. */
import { startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { call, outcome, post } from "./client.ts";

test("a worker that was to have a GPU and has none works on, and says so", async () => {
  await using stack = await startStack({
    env: { GPU: "cuda", CUDA_VISIBLE_DEVICES: "" },
  });
  const { status, body } = await call(stack, "/health");
  assert.equal(status, 200);
  const workers = body["workers"] as Record<string, unknown>[];
  assert.equal(workers[0]?.["device"], "cpu (no cuda)");
  const warning = "GPU=cuda cannot be used on this machine: running on the CPU";
  assert.ok((workers[0]["warnings"] as string[]).includes(warning));
  assert.match(stack.output("inference"), new RegExp(warning));
  const { status: ended } = await outcome(stack, await post(stack));
  assert.equal(ended, "completed");
});
