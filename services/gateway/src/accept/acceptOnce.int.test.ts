/** `Idempotency-Key`: the same call again gets the same task, whatever dies between two steps. */
import {
  readIdempotencyKey,
  takeIdempotencyKey,
} from "@jetscribe/event-log/append/idempotencyKeys";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { decodeEvent } from "@jetscribe/event-log/codec/codec";
import { scan } from "@jetscribe/event-log/read/readLog";
import { workQueueInfo } from "@jetscribe/event-log/streams/topology";
import {
  GenerateRequest,
  newTaskId,
  streams,
  type Queue,
  type TaskState,
} from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import { allProjected } from "../../test/projectedTestKit.ts";
import { ApiKeyList } from "../keys/apiKeys.ts";
import { makeAcceptOnce } from "./acceptOnce.ts";

describe("Idempotency-Key", () => {
  let stack: Stack;
  let broker: Broker;
  beforeAll(async () => {
    stack = await startStack({
      env: { ENGINE: "fake", FAKE_MS: "10", API_KEYS: "a:key-a,b:key-b" },
      services: ["gateway", "gateway-2", "inference", "results"],
    });
    broker = await connectBroker({ url: stack.natsUrl, name: "test" });
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await stack?.stop();
  });

  async function generate(
    idempotencyKey: string,
    body: unknown = { prompt: "hi" },
    { url = stack.url, key = "key-a", wait = 0 } = {},
  ) {
    const response = await fetch(`${url}/generate`, {
      method: "POST",
      headers: {
        "x-api-key": key,
        "content-type": "application/json",
        "idempotency-key": idempotencyKey,
        ...(wait > 0 && { prefer: `wait=${wait}` }),
      },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    return {
      status: response.status,
      replayed: response.headers.get("idempotency-replayed"),
      location: response.headers.get("location"),
      id: String(answer["task_id"]),
      answer,
    };
  }

  test("the deadline of a call is part of its request: of header and field the earlier one", async () => {
    const call = async (cancelAfter: string, body: object) => {
      const response = await fetch(`${stack.url}/generate`, {
        method: "POST",
        headers: {
          ...{ "x-api-key": "key-a", "content-type": "application/json" },
          ...{ "idempotency-key": "hurried", "cancel-after": cancelAfter },
        },
        body: JSON.stringify({ prompt: "hi", ...body }),
      });
      const answer = (await response.json()) as { task_id?: string };
      return [response.status, answer.task_id] as const;
    };
    const [status, id] = await call("30", { cancel_after_ms: 60_000 });
    assert.equal(status, 202);
    for (const [cancelAfter, body] of [
      ["30.000", { cancel_after_ms: 90_000 }],
      ["60", { cancel_after_ms: 30_000 }],
      ["30", {}],
    ] as const)
      assert.deepEqual(await call(cancelAfter, body), [202, id]);
    assert.deepEqual((await call("31", {}))[0], 422);
    let deadline: number | undefined;
    await scan(broker, { stream: streams.events, from: { seq: 1 } }, (one) => {
      const decoded = decodeEvent(one);
      if ("event" in decoded && decoded.event.type === "GenerateRequested")
        if (decoded.event.data.task_id === id)
          deadline = decoded.event.data.cancel_after_ms;
      return false;
    });
    assert.equal(deadline, 30_000);
  });

  /** The tasks of all requests in the log. */
  async function requested(): Promise<string[]> {
    const ids: string[] = [];
    const reading = { stream: broker.streams.events, from: { seq: 1 } };
    await scan(broker, reading, (message) => {
      if (message.subject.startsWith("llm.events.requested."))
        ids.push(message.header("ce-subject"));
      return false;
    });
    return ids;
  }
  const timesOf = async (id: string) =>
    (await requested()).filter((other) => other === id).length;

  test("the same call again gets the same task, and its outcome, on any gateway", async () => {
    const key = randomUUID();
    const first = await generate(key);
    assert.equal(first.status, 202);
    assert.equal(first.replayed, null);
    for (const url of [stack.url, stack.url2]) {
      const again = await generate(key, undefined, { url });
      assert.deepEqual(
        [again.status, again.id, again.replayed, again.location],
        [202, first.id, "true", `/result/${first.id}`],
      );
    }
    const waited = await generate(key, undefined, { wait: 30 });
    assert.deepEqual([waited.status, waited.id], [200, first.id]);
    assert.equal(waited.answer["status"], "completed");
    assert.equal(await timesOf(first.id), 1);
  });

  test("what says the same is the same request, and another one is a 422 that stores nothing", async () => {
    const key = randomUUID();
    const first = await generate(
      key,
      '{"prompt":"hi","max_tokens":5,"seed":null}',
    );
    for (const same of [
      '{ "max_tokens": 5, "prompt": "hi" }',
      '{"prompt":"hi","max_tokens":5,"temperature":0.7,"lane":"interactive"}',
    ]) {
      const again = await generate(key, same);
      assert.deepEqual([again.status, again.id], [202, first.id]);
    }
    const before = await requested();
    for (const other of [
      { prompt: "hi", max_tokens: 6 },
      { prompt: "ho", max_tokens: 5 },
      { prompt: "hi", max_tokens: 5, user_id: "u" },
    ]) {
      const { status, answer } = await generate(key, other);
      assert.equal(status, 422);
      assert.equal(
        answer["type"],
        "urn:jetscribe:problem:idempotency_key_reused",
      );
    }
    assert.deepEqual(await requested(), before);
  });

  test("a call that comes again changes nothing of its group", async () => {
    const group: Queue = {
      ...{ model: "demo", lane: "interactive", owner: "a", group: "g" },
    };
    const asked = (most: number) => ({
      ...{ prompt: "hi", group: "g", group_concurrency: most },
    });
    const key = randomUUID();
    const first = await generate(key, asked(4));
    await generate(randomUUID(), asked(2));
    const again = await generate(key, asked(4));
    assert.deepEqual([again.id, again.replayed], [first.id, "true"]);
    assert.equal((await workQueueInfo(broker, group))?.maxAckPending, 2);
  });

  test("a new key costs the broker one question, and a call that comes again one more", async () => {
    const { nc } = broker;
    let asked = 0;
    const request = nc.request.bind(nc);
    nc.request = (...about) => {
      asked++;
      return request(...about);
    };
    const acceptOnce = makeAcceptOnce(
      broker,
      async (_request, _key, { taskId = newTaskId(), mayStore }) => {
        const task = { task_id: taskId } as TaskState;
        const stores = await mayStore?.(taskId);
        return stores ? { taskId, task, duplicate: false } : undefined;
      },
      () => Promise.reject(new Error("nobody has to look")),
    );
    const call = async (idempotencyKey: string) => {
      const before = asked;
      const [owner] = ApiKeyList.parse("a:key-a");
      assert.ok(owner);
      const sent = GenerateRequest.parse({ prompt: "hi" });
      const { taskId } = await acceptOnce(sent, owner, { idempotencyKey });
      return [taskId, asked - before] as const;
    };
    const idempotencyKey = randomUUID();
    const [first, ofNew] = await call(idempotencyKey);
    assert.equal(ofNew, 1);
    const [again, ofKnown] = await call(idempotencyKey);
    assert.deepEqual([again, ofKnown], [first, 2]);
    nc.request = request;
  });

  test("a call with a key is traced as one without", async () => {
    const [owner] = ApiKeyList.parse("a:key-a");
    assert.ok(owner);
    const seen: unknown[] = [];
    const acceptOnce = makeAcceptOnce(
      broker,
      (_request, _key, { taskId = newTaskId(), traced }) => {
        seen.push(traced);
        const task = { task_id: taskId } as TaskState;
        return Promise.resolve({ taskId, task, duplicate: false });
      },
      () => Promise.resolve(undefined),
    );
    const traced = {
      ...{ method: "POST", route: "/generate", path: "/generate" },
      arrivedAt: performance.now(),
    };
    const sent = GenerateRequest.parse({ prompt: "hi" });
    await acceptOnce(sent, owner, { traced });
    await acceptOnce(sent, owner, { traced, idempotencyKey: randomUUID() });
    assert.deepEqual(seen, [traced, traced]);
  });

  test("a key belongs to its owner", async () => {
    const key = randomUUID();
    const mine = await generate(key);
    const theirs = await generate(key, { prompt: "else" }, { key: "key-b" });
    assert.deepEqual([theirs.status, theirs.replayed], [202, null]);
    assert.notEqual(theirs.id, mine.id);
  });

  test("of calls that race over two gateways one makes the task", async () => {
    for (let round = 0; round < 5; round++) {
      const key = randomUUID();
      const calls = Array.from({ length: 16 }, (_, i) =>
        generate(key, undefined, { url: i % 2 ? stack.url : stack.url2 }),
      );
      const answers = await Promise.all(calls);
      const [first] = answers;
      assert.ok(first);
      for (const { status, id } of answers)
        assert.deepEqual([status, id], [202, first.id]);
      const firsts = answers.filter(({ replayed }) => replayed === null);
      assert.equal(firsts.length, 1);
      assert.equal(await timesOf(first.id), 1);
    }
  });

  test("a gateway that died between the key and the request lost nothing: the next call stores it", async () => {
    const [key, probe] = [randomUUID(), randomUUID()];
    // Takes the fingerprint that the gateway gives to this request.
    await generate(probe);
    const known = await readIdempotencyKey(broker, { owner: "a", key: probe });
    assert.ok(known);
    const { fingerprint } = known;
    const task_id = newTaskId();
    const record = { task_id, fingerprint };
    assert.ok(await takeIdempotencyKey(broker, { owner: "a", key }, record));

    const call = await generate(key, undefined, { wait: 30 });
    assert.deepEqual([call.status, call.id], [200, task_id]);
    assert.equal(call.answer["status"], "completed");
    assert.equal((await generate(key)).id, task_id);
    assert.equal(await timesOf(task_id), 1);
  });

  test("a task that the log has dropped since is not run again", async () => {
    const key = randomUUID();
    const { id } = await generate(key, undefined, { wait: 30 });
    const { events } = broker.streams;
    const seq = (await allProjected(stack, broker)) + 1;
    await broker.jsm.streams.purge(events, { seq });
    const again = await generate(key);
    assert.deepEqual([again.status, again.id], [202, id]);
    assert.equal(await timesOf(id), 0);
  });

  test("a key notes that its request is stored, so that no later call runs it again", async () => {
    const key = randomUUID();
    await generate(key);
    await eventually(
      async () =>
        (await readIdempotencyKey(broker, { owner: "a", key }))?.stored,
    );
  });

  test("a request that is refused leaves its key free", async () => {
    const key = randomUUID();
    assert.equal((await generate(key, { prompt: "" })).status, 400);
    const tooLarge = await generate(key, { prompt: "x".repeat(2 ** 23 - 40) });
    assert.equal(tooLarge.status, 413);
    assert.match(String(tooLarge.answer["detail"]), /the broker takes/);
    // A gateway that has not heard all workers yet answers 503.
    const unknownModel = await eventually(async () => {
      const answer = await generate(key, { prompt: "hi", model: "none" });
      return answer.status !== 503 && answer;
    });
    assert.equal(unknownModel.status, 400);
    const { status, replayed } = await generate(key);
    assert.deepEqual([status, replayed], [202, null]);
  });

  test("what is no key is a 400 that names the header, and stores nothing", async () => {
    const before = await requested();
    for (const key of ["", "x".repeat(256), "a\tb", "ä"]) {
      const { status, answer } = await generate(key);
      assert.equal(status, 400, key);
      assert.match(String(answer["detail"]), /Idempotency-Key/);
    }
    assert.deepEqual(await requested(), before);
    for (const key of ["x".repeat(255), '"8e03978e"', "a b"])
      assert.equal((await generate(key)).status, 202);
  });

  test("the broker decides: an empty Redis, or none, changes nothing", async () => {
    const key = randomUUID();
    const { id } = await generate(key);
    await stack.redis.kill();
    const again = await generate(key);
    assert.deepEqual(
      [again.status, again.id, again.replayed],
      [202, id, "true"],
    );
    const other = randomUUID();
    const calls = await Promise.all([generate(other), generate(other)]);
    assert.equal(new Set(calls.map((call) => call.id)).size, 1);
    assert.deepEqual(
      calls.map(({ status }) => status),
      [202, 202],
    );
  });
});
