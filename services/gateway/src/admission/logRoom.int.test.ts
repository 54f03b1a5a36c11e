/** Whatever is unfinished or unread stays in the log, and each outcome has its room: requests are refused before. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { streams, type HealthResponse } from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";

const maxBytes = 2 ** 20;
const promptBytes = 20_000;

describe("a small log", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      services: ["gateway", "results", "logger"],
      env: { EVENTS_MAX_BYTES: String(maxBytes) },
      healthyWithinMs: 0,
    });
    await ready();
  });
  afterAll(() => stack.stop());

  const ready = () =>
    eventually(async () => (await fetch(`${stack.url}/readyz`)).ok);

  const headers = () => ({
    "x-api-key": stack.key,
    "content-type": "application/json",
  });
  /** Accepted, and not cancelled. */
  const open = new Set<string>();
  async function post() {
    const prompt = "x".repeat(promptBytes);
    const response = await fetch(`${stack.url}/generate`, {
      ...{ method: "POST", headers: headers() },
      body: JSON.stringify({ prompt }),
    });
    const body = (await response.json()) as Record<string, unknown>;
    const { status } = response;
    if (status === 202) open.add(String(body["task_id"]));
    return { status, body, retryAfter: response.headers.get("retry-after") };
  }
  async function cancelAll() {
    for (const id of open) {
      const { status } = await fetch(`${stack.url}/cancel/${id}`, {
        method: "POST",
        headers: { "x-api-key": stack.key },
      });
      assert.equal(status, 200);
      open.delete(id);
    }
    return true;
  }
  async function logState() {
    await using broker = await connectBroker({
      ...{ url: stack.natsUrl, name: "test" },
    });
    return await streamState(broker, streams.events);
  }
  /** Posts until nothing is accepted any more, also after another look; the refusal. */
  async function fill() {
    for (let refusals = 0; ;) {
      const answer = await post();
      refusals = answer.status === 202 ? 0 : refusals + 1;
      if (refusals === 20) return answer;
      if (refusals > 0) await sleep(100);
      assert.ok(open.size < 100, "it is never refused");
    }
  }
  /** The same, where each task ends before the next. */
  async function fillFinished() {
    for (let refusals = 0; ;) {
      const answer = await post();
      refusals = answer.status === 202 ? 0 : refusals + 1;
      if (refusals === 30) return answer;
      if (refusals > 0) await sleep(100);
      else await cancelAll();
    }
  }
  function assertRefused(
    { status, body, retryAfter }: Awaited<ReturnType<typeof post>>,
    by: RegExp,
  ) {
    assert.equal(status, 503);
    assert.ok(Number(retryAfter) > 0);
    assert.deepEqual(body["limit"], {
      ...{ name: "EVENTS_MAX_BYTES", value: maxBytes },
    });
    assert.match(String(body["detail"]), by);
  }
  const accepts = () =>
    eventually(async () => (await post()).status === 202, {
      everyMs: 200,
    });

  test("what waits fills it with its outcomes' room; once it has ended there is room", async () => {
    assertRefused(await fill(), /is used, and \d+ % is kept for the outcomes/);
    const { firstSeq, lastSeq, bytes } = await logState();
    assert.deepEqual([firstSeq, lastSeq], [1, open.size]);
    // A request of 20 kB keeps 6 kB.
    assert.ok(bytes > 0.7 * maxBytes && bytes < 0.85 * maxBytes, `${bytes}`);
    await cancelAll();
    await accepts();
  });

  test("a log in which all is finished goes on for ever; what waits then stays in it", async () => {
    for (let i = 0; i < 100; i++) {
      await accepts();
      await cancelAll();
    }
    assert.ok((await logState()).firstSeq > 100);
    await accepts();
    const { lastSeq } = await logState();
    // Finished history goes first; then all of it is what waits.
    const why = /the oldest unfinished request, of default for/;
    const refused = await eventually(async () => {
      const answer = await fill();
      return why.test(String(answer.body["detail"])) && answer;
    });
    assertRefused(refused, why);
    assert.ok(open.size > 20, String(open.size));
    assert.ok((await logState()).firstSeq <= lastSeq);
    await cancelAll();
    await accepts();
  });

  test("what the logger has not read is held, also where it is away, and /health says so", async () => {
    await cancelAll();
    await stack.kill("logger");
    await stack.restart("gateway");
    await ready();
    // What stood in the log before goes first; then all of it is what the logger has not read.
    const held = await eventually(async () => {
      assertRefused(await fillFinished(), /has no room/);
      const response = await fetch(`${stack.url}/health`);
      const { log_held } = (await response.json()) as HealthResponse;
      return log_held?.by === "what the logger has read" && log_held;
    });
    assert.ok(held.share > 0.5, String(held.share));
    await stack.restart("logger");
    await accepts();
    await cancelAll();
  });

  test("what the results service has not read counts as unfinished, whoever asks", async () => {
    await stack.kill("results");
    assertRefused(await fill(), /has no room/);
    await stack.restart("gateway");
    await ready();
    assertRefused(await fill(), /has no room/);
    await stack.restart("results");
    await eventually(cancelAll);
    await accepts();
  });

  test("without Redis, and while the projection is built anew, a gateway goes on by what it knew", async () => {
    await cancelAll();
    await eventually(async () => (await logState()).bytes < 0.7 * maxBytes);
    await stack.kill("results");
    await stack.redis.kill();
    const accepted = async () => (await post()).status === 202;
    for (let i = 0; i < 3; i++) assert.ok(await accepted());
    assertRefused(await fill(), /has no room/);
    // It takes nothing beyond the headroom, and a gateway that knows nothing takes less.
    const { bytes } = await logState();
    assert.ok(bytes + open.size * 6_000 < 1.25 * maxBytes, String(bytes));
    await stack.restart("gateway");
    await ready();
    assertRefused(await fill(), /has no room/);
    await stack.redis.restart();
    await stack.restart("results");
    await eventually(cancelAll);
    await accepts();
  });
});
