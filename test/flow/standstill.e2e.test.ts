/**
 * Callers that wait while the projection stands still: a task's outcome is in the log, and they are told of it within
 * two seconds, whatever is down besides the broker.
 */
import { isOutcome } from "@jetscribe/schema";
import {
  eventually,
  redisPrefix,
  startStack,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { redisCommands } from "../chaos/wire/redis.ts";
import { call, outcome, post } from "./client.ts";
import { readStream, textOf, type ServerEvent } from "./sse.ts";
import { histories } from "./log.ts";

const taskMs = 1_000;
/** What was promised, and some for a busy machine; without it a wait ends after 30 s. */
const mostMs = 2_000 + 8_000;

/** When each task had its outcome, in ms since the epoch, by the broker's word. */
async function endOf({ natsUrl }: Stack, id: string): Promise<number> {
  const ended = await eventually(async () =>
    (await histories(natsUrl)).get(id)?.find(isOutcome),
  );
  return ended.time * 1_000;
}

interface Told {
  /** By which gateway. */
  by: Stack;
  id: string;
  /** ms since the epoch. */
  at: number;
}

async function postAndWait(stack: Stack): Promise<Told> {
  const { status, body } = await call(stack, "/generate", {
    method: "POST",
    body: JSON.stringify({ prompt: "hi", max_tokens: 16 }),
    headers: { prefer: "wait=30" },
  });
  const at = Date.now();
  assert.deepEqual([status, body["status"]], [200, "completed"]);
  return { by: stack, id: String(body["task_id"]), at };
}

async function waitForResult(
  by: Stack,
  id: string,
  how = "completed",
): Promise<Told> {
  const { status, body } = await call(by, `/result/${id}?wait=30`);
  assert.deepEqual([status, body["status"]], [200, how]);
  return { by, id, at: Date.now() };
}

async function readToEnd(
  by: Stack,
  id: string,
  how = "completed",
): Promise<Told> {
  const events: ServerEvent[] = [];
  const signal = AbortSignal.timeout(60_000);
  for await (const event of readStream(by, id, { signal })) events.push(event);
  const end = events.at(-1);
  assert.equal(end?.event, how);
  const { result, partial_text = "" } = end.data;
  if (result !== undefined) assert.equal(textOf(events), result);
  // The worker may write on for a moment.
  else assert.ok(textOf(events).startsWith(String(partial_text)));
  return { by, id, at: Date.now() };
}

const atSecond = (stack: Stack): Stack => ({ ...stack, url: stack.url2 });

/** Every way of waiting, each on a task of its own; at both gateways. */
async function everyWay(stack: Stack): Promise<Told[]> {
  const other = atSecond(stack);
  const each = (act: (id: string) => Promise<Told>) => async () =>
    await act(await post(stack, { max_tokens: 16 }));
  return await Promise.all(
    [
      () => postAndWait(stack),
      each((id) => waitForResult(stack, id)),
      each((id) => waitForResult(other, id)),
      each((id) => readToEnd(stack, id)),
      each((id) => readToEnd(other, id)),
    ].map((way) => way()),
  );
}

async function assertInTime(stack: Stack, told: readonly Told[]) {
  for (const { by, id, at } of told) {
    const late = at - (await endOf(stack, id));
    assert.ok(late < mostMs, `told ${late} ms after the outcome`);
    const { body } = await call(by, `/result/${id}`);
    assert.equal(body["status"], "completed", "told once, told for ever");
  }
}

/** From now on, until the test ends. */
async function freezeResults(stack: Stack): Promise<AsyncDisposable> {
  await stack.kill("results", "SIGSTOP");
  return {
    async [Symbol.asyncDispose]() {
      await stack.kill("results", "SIGCONT");
      await projecting(stack);
    },
  };
}

/** The projection has caught up. */
async function projecting(stack: Stack): Promise<void> {
  await outcome(stack, await post(stack, { max_tokens: 1 }));
  await stack.healthy();
}

const redis = (stack: Stack, ...command: string[]) =>
  redisCommands(stack.redis.port, [command]);

describe("while the projection stands still", { timeout: 240_000 }, () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      env: { ENGINE: "fake", FAKE_MS: String(taskMs), SLOTS: "16" },
      services: ["gateway", "gateway-2", "inference", "results", "logger"],
    });
    // The first estimate, the first connection: out of the way.
    await outcome(stack, await post(stack));
  });
  afterAll(() => stack.stop());

  test("since results is frozen, from the first moment on, callers are told in time", async () => {
    await using _frozen = await freezeResults(stack);
    // Redis shows tasks as open that have ended, and no gateway knows yet that it is late.
    await assertInTime(stack, await everyWay(stack));
    const isMissed = async () => {
      const { body } = await call(stack, "/health");
      const projections = body["projections"] as { name: string }[];
      return !projections.some(({ name }) => name === "results");
    };
    await eventually(isMissed);
    // Now they know.
    await assertInTime(stack, await everyWay(stack));
  });

  test("a stream and a wait that begin after the outcome end as soon", async () => {
    const long = { max_tokens: 2_000, ignore_eos: true };
    const ids = await Promise.all([post(stack, long), post(stack, long)]);
    const [streamed = "", waited = ""] = ids;
    const isRunning = async (id: string) =>
      (await call(stack, `/result/${id}`)).body["status"] === "processing";
    // So that Redis shows them as running from then on.
    await Promise.all(ids.map((id) => eventually(() => isRunning(id))));
    await using _frozen = await freezeResults(stack);
    for (const id of ids) {
      const path = `/cancel/${id}`;
      const { status } = await call(stack, path, { method: "POST" });
      assert.equal(status, 200);
    }
    const [reply] = await redis(
      stack,
      "MGET",
      ...ids.map((id) => `${redisPrefix}task:${id}`),
    );
    assert.doesNotMatch(String(reply), /cancelled/);
    // The first gateway knows: it cancelled them.
    const other = atSecond(stack);
    const since = Date.now();
    const told = await Promise.all([
      readToEnd(other, streamed, "cancelled"),
      waitForResult(other, waited, "cancelled"),
    ]);
    for (const { at } of told) assert.ok(at - since < mostMs, `${at - since}`);
    for (const id of ids) {
      const { status, body } = await call(other, `/result/${id}`);
      assert.deepEqual([status, body["status"]], [200, "cancelled"]);
    }
  });

  test("with a full Redis", async () => {
    await redis(stack, "CONFIG", "SET", "maxmemory", "1mb");
    await assertInTime(stack, await everyWay(stack));
    await redis(stack, "CONFIG", "SET", "maxmemory", "0");
    await projecting(stack);
  });

  test("without Redis", async () => {
    await stack.redis.kill("SIGKILL");
    await assertInTime(stack, await everyWay(stack));
    await stack.redis.restart();
    await projecting(stack);
  });
});
