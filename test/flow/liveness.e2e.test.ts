/** A worker is called healthy by its tokens, and not by its process. */
import { eventually, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "vitest";
import { call, outcome, post } from "./client.ts";

test("an engine that stands still behind a live worker is seen, and comes back", async () => {
  await using stack = await startStack({
    env: { ENGINE: "fake", HANG_TIMEOUT: "15s" },
  });
  const worker = async () => {
    const { status, body } = await call(stack, "/health");
    const [one] = body["workers"] as Record<string, unknown>[];
    return { status, live: one?.["live"] };
  };
  await eventually(async () => {
    const { status, live } = await worker();
    return status === 200 && live === true;
  });
  const pid = stack.pid("inference")!;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  const engine = Number(children.trim().split(" ")[0]);
  process.kill(engine, "SIGSTOP");
  await eventually(async () => {
    const { status, live } = await worker();
    return status === 503 && live === false;
  });
  // Then it is ended, and another one comes up.
  await eventually(async () => (await worker()).live);
  await stack.healthy();
  const { status } = await outcome(stack, await post(stack));
  assert.equal(status, "completed");
});
