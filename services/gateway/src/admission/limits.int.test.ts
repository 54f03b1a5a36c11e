/** Limits on what is unfinished: what is refused, that nothing of it is stored, and that room comes back by itself. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { workQueueInfo } from "@jetscribe/event-log/streams/topology";
import { streams, type LimitsResponse, type Queue } from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";

describe("limits", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      services: ["gateway", "gateway-2", "inference", "results"],
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "120000", SLOTS: "1" },
        API_KEYS: "a:key-of-a,b:key-of-b,c:key-of-c",
        MAX_QUEUE_DEPTH: "5",
        MAX_TASKS_PER_KEY: "3",
      },
    });
  });
  afterAll(() => stack.stop());

  async function call(
    key: string,
    path: string,
    { at = stack.url, method = "POST" } = {},
  ) {
    const response = await fetch(at + path, {
      method,
      headers: { "x-api-key": `key-of-${key}` },
    });
    const body = (await response.json()) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body };
  }
  async function post(
    key: string,
    at = stack.url,
    {
      body: sent = '{"prompt":"hello"}',
      headers = {},
    }: { body?: string; headers?: Record<string, string> } = {},
  ) {
    const response = await fetch(`${at}/generate`, {
      method: "POST",
      headers: {
        "x-api-key": `key-of-${key}`,
        "content-type": "application/json",
        ...headers,
      },
      body: sent,
    });
    const body = (await response.json()) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body };
  }
  const countOf = (answers: { status: number }[], status: number) =>
    answers.filter((one) => one.status === status).length;
  const isRunning = async (key: string, id: unknown) => {
    const { body } = await call(key, `/status/${String(id)}`, {
      method: "GET",
    });
    return body["status"] === "processing";
  };
  async function requestsInLog() {
    await using broker = await connectBroker({
      ...{ url: stack.natsUrl, name: "test" },
    });
    const { num_pending } = await broker.jsm.consumers.add(streams.events, {
      ack_policy: "none",
      filter_subject: "llm.events.requested.>",
    });
    const { messages } = await streamState(broker, streams.events);
    assert.ok(messages >= num_pending);
    return num_pending;
  }
  const ids: Record<string, unknown>[] = [];

  test("of a key's burst as many are accepted as may be unfinished; the others are a 429 that names the limit", async () => {
    const first = await post("a");
    await eventually(() => isRunning("a", first.body["task_id"]));
    const burst = await Promise.all(
      Array.from({ length: 20 }, () => post("a")),
    );
    assert.equal(countOf(burst, 202), 2);
    assert.equal(countOf(burst, 429), 18);
    const refused = burst.find(({ status }) => status === 429);
    assert.ok(Number(refused?.headers.get("retry-after")) > 0);
    assert.match(
      refused?.headers.get("content-type") ?? "",
      /^application\/problem\+json/,
    );
    assert.deepEqual(refused?.body["limit"], {
      ...{ name: "MAX_TASKS_PER_KEY", value: 3 },
    });
    assert.equal(await requestsInLog(), 3);
    ids.push(...burst.map(({ body }) => body));
  });

  test("the other gateway counts them too", async () => {
    const at = stack.url2;
    await eventually(async () => {
      const { body } = await call("a", "/limits", { at, method: "GET" });
      const { tasks } = body as LimitsResponse;
      return tasks?.unfinished === 3;
    });
    assert.equal((await post("a", at)).status, 429);
    assert.equal(await requestsInLog(), 3);
  });

  test("a refused call's body is not read, unless its idempotency key may be a task's", async () => {
    const broken = { body: "{" };
    await eventually(async () => {
      // The limit is looked at again when the last look is old.
      await post("a");
      return (await post("a", stack.url, broken)).status === 429;
    });
    const headers = { "idempotency-key": "one" };
    const once = { body: '{"prompt":"once"}', headers };
    const first = await post("b", stack.url, once);
    assert.equal(first.status, 202);
    for (let i = 0; i < 2; i++)
      await eventually(async () => (await post("b")).status === 202);
    assert.equal((await post("b")).status, 429);
    const again = await post("b", stack.url, once);
    assert.equal(again.status, 202);
    assert.equal(again.body["task_id"], first.body["task_id"]);
    const wrong = await post("b", stack.url, { ...broken, headers });
    assert.equal(wrong.status, 400);
  });

  test("a full queue is a 503 for everybody, and says how much may wait", async () => {
    // One of a's runs, and three of b wait: five in all.
    const refused = await post("c");
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    assert.deepEqual(refused.body["limit"], {
      ...{ name: "MAX_QUEUE_DEPTH", value: 5 },
    });
    assert.equal(await requestsInLog(), 6);
  });

  test("a request that is refused makes no queue of its group, and changes none", async () => {
    await using broker = await connectBroker({
      ...{ url: stack.natsUrl, name: "test" },
    });
    const sent = { prompt: "hello", group: "g", group_concurrency: 9 };
    // With an idempotency key its body is read.
    const headers = { "idempotency-key": "of-a-group" };
    const body = JSON.stringify(sent);
    assert.equal((await post("c", stack.url, { body, headers })).status, 503);
    const group: Queue = {
      ...{ model: "demo", lane: "interactive", owner: "c", group: "g" },
    };
    assert.equal(await workQueueInfo(broker, group), undefined);
  });

  test("there is room again as soon as a task has ended, without Redis as it was known last", async () => {
    const waiting = ids.find(({ task_id }) => task_id !== undefined);
    const { status } = await call(
      "a",
      `/cancel/${String(waiting?.["task_id"])}`,
    );
    assert.equal(status, 200);
    await eventually(async () => (await post("a")).status === 202);
    assert.equal((await post("a")).status, 429);
    assert.equal((await post("c")).status, 503);
    await stack.redis.kill();
    assert.equal((await post("a")).status, 429);
    assert.equal((await post("c")).status, 503);
    assert.equal(await requestsInLog(), 7);
  });
});
