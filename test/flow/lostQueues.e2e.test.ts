/** Running tasks whose owner posts nothing more, and a broker that lost what their queue knew. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { streams, workConsumerName } from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { call, outcomes, postMany } from "./client.ts";
import { countOf, histories } from "./log.ts";

const queue = { model: "demo", lane: "interactive", owner: "default" } as const;
const slow = {
  ENGINE: "fake",
  FAKE_MS: "12000",
  FAKE_TOKENS: "60",
  SLOTS: "3",
};

async function threeRun(stack: Stack): Promise<string[]> {
  const ids = await postMany(stack, 3, { max_tokens: 60 });
  const runs = async (id: string) =>
    (await call(stack, `/status/${id}`)).body["status"] === "processing";
  await eventually(async () =>
    (await Promise.all(ids.map(runs))).every(Boolean),
  );
  return ids;
}

async function allEndOnce(stack: Stack, ids: string[]): Promise<void> {
  const results = await outcomes(stack, ids);
  for (const { status } of results) assert.equal(status, "completed");
  const log = await histories(stack.natsUrl);
  for (const id of ids)
    assert.equal(countOf(log.get(id), "GenerateCompleted"), 1);
  const { body } = await call(stack, "/health");
  assert.equal(body["overdue"], undefined);
}

test("running tasks whose work queue is deleted end, though nothing is posted any more", async () => {
  await using stack = await startStack({ env: { ...slow, ACK_WAIT: "6" } });
  const ids = await threeRun(stack);
  await using broker = await connectBroker({
    url: stack.natsUrl,
    name: "test",
  });
  await broker.jsm.consumers.delete(streams.events, workConsumerName(queue));
  await stack.kill("inference");
  await stack.restart("inference");
  await allEndOnce(stack, ids);
});

test("running tasks end where the broker's folder comes back without its consumers", async () => {
  await using stack = await startStack({ env: { ...slow, ACK_WAIT: "6" } });
  const ids = await threeRun(stack);
  await stack.nats.kill();
  const folders = await readdir(stack.nats.dataDir, { recursive: true });
  const states = folders.filter((one) => one.endsWith("EVENTS/obs"));
  assert.equal(states.length, 1);
  for (const one of states)
    await rm(join(stack.nats.dataDir, one), { recursive: true });
  await stack.nats.restart();
  await allEndOnce(stack, ids);
});
