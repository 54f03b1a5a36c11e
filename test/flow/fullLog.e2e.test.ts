/** A small log that is filled up to its limit while nothing is worked off: every task with a 202 has its outcome in the end. */
import { limitOf } from "@jetscribe/event-log/streams/logLimit";
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { streams } from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { call, outcomes, type Running } from "./client.ts";

const limit = 2 * 2 ** 20;

describe("a log of 2 MiB with two gateways", () => {
  let stack: Stack;
  let gateways: Running[] = [];
  beforeAll(async () => {
    stack = await startStack({
      services: ["gateway", "gateway-2", "inference", "results", "logger"],
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "20", FAKE_TOKENS: "512", SLOTS: "64" },
        EVENTS_MAX_BYTES: String(limit),
      },
    });
    const { url, url2, key } = stack;
    gateways = [
      { url, key },
      { url: url2, key },
    ];
  });
  afterAll(() => stack.stop());

  const post = (running: Running, fields: object) =>
    call(running, "/generate", {
      method: "POST",
      body: JSON.stringify({ prompt: "Hi", ...fields }),
    });

  /** Posts at both gateways until neither takes anything any more; the ids of what was accepted. */
  async function fill(fields: object): Promise<string[]> {
    const ids: string[] = [];
    for (let refused = 0; refused < 15;) {
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => i)
          .flatMap(() => gateways)
          .map((running) => post(running, fields)),
      );
      for (const { status, body } of answers)
        if (status === 202) ids.push(String(body["task_id"]));
        else assert.equal(status, 503, JSON.stringify(body));
      const none = answers.every(({ status }) => status !== 202);
      refused = none ? refused + 1 : 0;
      if (none) await sleep(100);
    }
    return ids;
  }

  async function logState() {
    await using broker = await connectBroker({
      ...{ url: stack.natsUrl, name: "test" },
    });
    return await streamState(broker, streams.events);
  }

  /** `meanwhile` begins while the worker is frozen, and ends what it did once the log is full. */
  async function fillAndDrain(
    fields: object,
    meanwhile = async () => await Promise.resolve(async () => {}),
    fewest = 20,
  ): Promise<void> {
    // What was finished before is dropped from a log that is fuller than that.
    const hasRoom = async () => {
      const { bytes, maxBytes } = await logState();
      return bytes < 0.75 * limitOf(maxBytes);
    };
    await eventually(hasRoom);
    await stack.kill("inference", "SIGSTOP");
    const end = await meanwhile();
    const ids = await fill(fields);
    assert.ok(ids.length >= fewest, String(ids.length));
    const { bytes, maxBytes } = await logState();
    assert.ok(bytes < maxBytes, `${bytes} of ${maxBytes}`);
    await stack.kill("inference", "SIGCONT");
    await end();
    const found = await outcomes(stack, ids);
    assert.ok(found.every(({ status }) => status === "completed"));
    await eventually(
      async () => (await post(gateways[0] ?? stack, fields)).status === 202,
      { everyMs: 200 },
    );
  }

  test("outcomes that are larger than their requests", () =>
    fillAndDrain({ max_tokens: 512 }));

  test("outcomes that are small, and prompts that are large", async () => {
    await fillAndDrain({ max_tokens: 1 });
    await fillAndDrain({ max_tokens: 16, prompt: "x".repeat(30_000) });
  });

  test("the results service stands still while it is filled", () =>
    fillAndDrain({ max_tokens: 512 }, async () => {
      await stack.kill("results", "SIGSTOP");
      return () => stack.kill("results", "SIGCONT");
    }));

  test("Redis is away while it is filled", () =>
    fillAndDrain({ max_tokens: 512 }, async () => {
      await stack.redis.kill();
      return () => stack.redis.restart();
    }));

  test("both are away, and the gateways were started meanwhile: they may take nothing, and go on later", () =>
    fillAndDrain(
      { max_tokens: 16 },
      async () => {
        await stack.kill("results", "SIGSTOP");
        await stack.redis.kill();
        await Promise.all([
          stack.restart("gateway"),
          stack.restart("gateway-2"),
        ]);
        for (const { url } of gateways)
          await eventually(async () => (await fetch(`${url}/readyz`)).ok);
        return async () => {
          await stack.redis.restart();
          await stack.kill("results", "SIGCONT");
        };
      },
      0,
    ));
});
