/** `POST /tasks/{id}/retry`: an ended task again, by its stored request, within all limits and once per call. */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { eventAt, streamState } from "@jetscribe/event-log/broker/streamState";
import { newTaskId, type GenerateRequested } from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import { allProjected } from "../../test/projectedTestKit.ts";

const maxTasks = 40;

describe("retry", () => {
  let stack: Stack;
  let broker: Broker;
  beforeAll(async () => {
    stack = await startStack({
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "10", API_KEYS: "a:key-a,b:key-b" },
        MAX_TASKS_PER_KEY: String(maxTasks),
      },
      services: ["gateway", "gateway-2", "inference", "results"],
    });
    broker = await connectBroker({ url: stack.natsUrl, name: "test" });
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await stack?.stop();
  });

  async function post(
    path: string,
    body?: unknown,
    {
      url = stack.url,
      key = "key-a",
      headers = {},
    }: {
      url?: string;
      key?: string;
      headers?: Record<string, string>;
    } = {},
  ) {
    const response = await fetch(url + path, {
      method: "POST",
      headers: {
        "x-api-key": key,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = JSON.parse(text) as Record<string, unknown>;
    return {
      status: response.status,
      replayed: response.headers.get("idempotency-replayed"),
      location: response.headers.get("location"),
      id: String(answer["task_id"]),
      text,
      answer,
    };
  }
  const waiting = { prefer: "wait=30" };
  const retry = (id: string, body?: unknown, options = {}) =>
    post(`/tasks/${id}/retry`, body, options);

  async function endedTask(body: object): Promise<string> {
    const { status, id, text } = await post("/generate", body, {
      headers: waiting,
    });
    assert.equal(status, 200, text);
    return id;
  }

  const lastSeq = async () =>
    (await streamState(broker, broker.streams.events)).lastSeq;

  /** The stored request of a task that was made since. */
  async function requestSince(seq: number, id: string) {
    const last = await lastSeq();
    for (let at = seq + 1; at <= last; at++) {
      const event = await eventAt(broker, at);
      if (event?.type === "GenerateRequested" && event.data.task_id === id)
        return event.data;
    }
    throw new Error(`no request of ${id}`);
  }

  /** What a task asks for. */
  const askedOf = ({ prompt, messages, raw, params }: GenerateRequested) => ({
    ...{ prompt, messages, raw, params },
  });

  test("a retry keeps the deadline and the lifetime of its request, unless its own call has a Cancel-After", async () => {
    const wishes = { cancel_after_ms: 60_000, result_ttl_ms: 90_000 };
    const since = await lastSeq();
    const first = await endedTask({ prompt: "hurried", ...wishes });
    const wishesOf = async (id: string) => {
      const asked = await requestSince(since, id);
      const { cancel_after_ms, result_ttl_ms } = asked;
      return { cancel_after_ms, result_ttl_ms };
    };
    const again = await retry(first, undefined, { headers: waiting });
    assert.deepEqual(await wishesOf(again.id), wishes);
    const headers = { ...waiting, "cancel-after": "120" };
    const longer = await retry(first, undefined, { headers });
    const asked = { ...wishes, cancel_after_ms: 120_000 };
    assert.deepEqual(await wishesOf(longer.id), asked);
  });

  test("an ended task is made again, with a new id, and names the first one", async () => {
    const body = { prompt: "again", max_tokens: 5, seed: 7, user_id: "u" };
    const since = await lastSeq();
    const first = await endedTask(body);
    const again = await retry(first);
    assert.equal(again.status, 202, again.text);
    assert.notEqual(again.id, first);
    assert.equal(again.location, `/result/${again.id}`);
    assert.equal(
      (again.answer["links"] as Record<string, string>)["status"],
      `/status/${again.id}`,
    );
    const [one, two] = await Promise.all(
      [first, again.id].map((id) => requestSince(since, id)),
    );
    assert.ok(one && two);
    assert.equal(two.retry_of, first);
    assert.equal(one.retry_of, undefined);
    const repeated = { ...one, task_id: again.id, retry_of: first };
    // Each has its own, or none.
    const own = {
      ...{ enqueue_time: null, received_time: null },
      ...{ tasks_ahead: null, estimated_wait: null },
    };
    assert.deepEqual({ ...two, ...own }, { ...repeated, ...own });
    // A retry of a retry names the one that it repeats.
    await eventually(async () => (await retry(again.id)).status === 202);
  });

  test("what the caller changes is checked as a request, and takes the place of what was", async () => {
    const first = await endedTask({ prompt: "one", raw: true, max_tokens: 5 });
    const since = await lastSeq();
    const messages = [{ role: "user", content: "two" }];
    const { id, status, text } = await retry(
      first,
      { messages, max_tokens: 6, stop: "x", temperature: null },
      { headers: waiting },
    );
    assert.equal(status, 200, text);
    const { params, ...asked } = askedOf(await requestSince(since, id));
    assert.deepEqual(asked, { messages, prompt: undefined, raw: undefined });
    assert.deepEqual(
      { ...params },
      { max_tokens: 6, temperature: 0.7, top_p: 0.9, stop: ["x"] },
    );
    const back = await retry(id, { prompt: "three" });
    assert.equal((await requestSince(since, back.id)).prompt, "three");

    // A gateway that has not heard all workers yet says of no model that it is not there.
    await eventually(
      async () => (await retry(id, { model: "none" })).status === 400,
    );
    const before = await lastSeq();
    for (const [overrides, field] of [
      [{ max_tokens: 0 }, "max_tokens"],
      [{ colour: "red" }, "colour"],
      [{ prompt: "a", messages }, "prompt"],
      [{ raw: true }, "raw"],
      [{ model: "none" }, "model"],
    ] as const) {
      const { status, answer } = await retry(id, overrides);
      const [error] = answer["errors"] as { field: string }[];
      assert.deepEqual([status, error?.field], [400, field]);
    }
    assert.equal((await retry(id, [])).status, 400);
    await eventually(async () => (await lastSeq()) >= before);
    const made = [];
    for (let at = before + 1; at <= (await lastSeq()); at++)
      made.push((await eventAt(broker, at))?.type);
    assert.ok(!made.includes("GenerateRequested"), String(made));
  });

  test("a task of another key is as one that never was", async () => {
    const first = await endedTask({ prompt: "mine" });
    const foreign = await retry(first, {}, { key: "key-b" });
    const unknown = await retry(newTaskId(), {}, { key: "key-b" });
    assert.equal(foreign.status, 404);
    assert.equal(foreign.text, unknown.text);
  });

  test("the same Idempotency-Key makes one task, on any gateway, and no other call's", async () => {
    const first = await endedTask({ prompt: "once" });
    const other = await endedTask({ prompt: "once" });
    const headers = { "idempotency-key": randomUUID() };
    const calls = Array.from({ length: 8 }, (_, i) =>
      retry(first, undefined, {
        headers,
        url: i % 2 ? stack.url : stack.url2,
      }),
    );
    const answers = await Promise.all(calls);
    assert.deepEqual(
      new Set(answers.map(({ status }) => status)),
      new Set([202]),
    );
    assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
    const firsts = answers.filter(({ replayed }) => replayed === null);
    assert.equal(firsts.length, 1);
    for (const call of [
      retry(first, { max_tokens: 9 }, { headers }),
      retry(other, undefined, { headers }),
      post("/generate", { prompt: "once" }, { headers }),
    ])
      assert.equal((await call).status, 422);
  });

  test("a task that is open can't be repeated, and the limits are those of every request", async () => {
    const ended = await endedTask({ prompt: "ended" });
    await stack.kill("inference", "SIGTERM");
    const open = await post("/generate", { prompt: "open" });
    assert.equal(open.status, 202);
    const refused = await retry(open.id);
    assert.deepEqual(
      [refused.status, refused.answer["type"]],
      [409, "urn:jetscribe:problem:not_ended"],
    );
    const calls = Array.from({ length: maxTasks }, () => retry(ended));
    const answers = await Promise.all(calls);
    const made = answers.filter(({ status }) => status === 202);
    const over = answers.filter(({ status }) => status === 429);
    // The open task counts, and what the tests before have left.
    assert.ok(made.length > 0 && made.length < maxTasks, String(made.length));
    assert.equal(made.length + over.length, maxTasks);
    for (const { answer } of over)
      assert.equal(answer["type"], "urn:jetscribe:problem:too_many_tasks");
  });

  test("a task whose request the log has dropped is gone", async () => {
    await stack.restart("inference");
    // The tasks of the test before have to end first.
    const id = await eventually(() =>
      endedTask({ prompt: "dropped" }).catch(() => undefined),
    );
    const { events } = broker.streams;
    const seq = (await allProjected(stack, broker)) + 1;
    await broker.jsm.streams.purge(events, { seq });
    const { status, answer } = await retry(id);
    assert.deepEqual(
      [status, answer["type"]],
      [410, "urn:jetscribe:problem:gone"],
    );
  });

  test("without Redis the log knows the task", async () => {
    const id = await endedTask({ prompt: "kept" });
    await stack.redis.kill();
    const { status, text } = await retry(id);
    assert.equal(status, 202, text);
  });
});
