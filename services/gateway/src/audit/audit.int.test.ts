/** Who opens a text is recorded before the text is answered, on a whole system. */
import { scanTextReads } from "@jetscribe/event-log/audit/auditLog";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { openLog } from "@jetscribe/event-log/test/eventLogTestKit";
import {
  HistoryResponse,
  newTaskId,
  type CreatedKeyResponse,
  type RecordedTextRead,
  type Scope,
  type TextRead,
} from "@jetscribe/schema";
import { connectStore, makeRateLimiter } from "@jetscribe/task-store";
import {
  eventually,
  redisPrefix,
  startRedis,
  startStack,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { ApiError } from "../apiError.ts";
import { makeAudit } from "./audit.ts";

const inDashboard = { "jetscribe-surface": "dashboard" };
const prompt = "the words of a secret prompt";

const readBy = (key_id: string, task_id = newTaskId()): TextRead => ({
  ...{ task_id, owner: "a", key_id, key_owner: "b" },
  ...{ parts: ["prompt"], surface: "api" },
  trace_id: task_id.replaceAll("-", ""),
});

/** The audit of a gateway of its own, which records so many readings of a key in an hour. */
async function openAudit(most: number) {
  await using opened = new AsyncDisposableStack();
  const log = opened.use(await openLog());
  const redis = await startRedis();
  opened.defer(() => redis.stop());
  const store = opened.use(
    connectStore({
      ...{ url: redis.url, prefix: redisPrefix, name: "test" },
      silenceMs: 60_000,
    }),
  );
  await eventually(() => store.ready());
  const limiter = makeRateLimiter(store, "texts", 3_600);
  const clock = { nowS: () => Date.now() / 1_000 };
  const all = opened.move();
  return {
    ...{ log, ...makeAudit(log.broker, clock, limiter, most) },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

test("a key that read too many texts in an hour gets no more, and another one does", async () => {
  await using audit = await openAudit(2);
  for (let i = 0; i < 2; i++) await audit.record(readBy("env:b"));
  await assert.rejects(audit.record(readBy("env:b")), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, "rate_limited");
    const { retryAfterS = 0 } = error.facts;
    return retryAfterS > 60 && retryAfterS <= 3_600;
  });
  await audit.record(readBy("env:c"));
  const { broker } = audit.log;
  const { messages } = await streamState(broker, broker.streams.audit);
  assert.equal(messages, 3);
});

test("readings that the broker does not tell in time are not waited for", async () => {
  await using audit = await openAudit(10);
  const { log } = audit;
  const task_id = newTaskId();
  await audit.record(readBy("env:b", task_id));
  const reads = await eventually(() => audit.readsOf(task_id));
  assert.equal(reads.length, 1);
  await log.nats.kill("SIGSTOP");
  assert.equal(await audit.readsOf(task_id), undefined);
});

describe("the texts of a task", () => {
  let stack: Stack;
  let broker: Broker;
  beforeAll(async () => {
    stack = await startStack({
      env: { ENGINE: "fake", API_KEYS: "a:key-a,b:key-b" },
      services: ["gateway", "inference", "results"],
    });
    broker = await connectBroker({ url: stack.natsUrl, name: "test" });
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await stack?.stop();
  });

  interface Call {
    key?: string;
    headers?: Record<string, string>;
    body?: object;
    method?: string;
  }
  async function call(path: string, options: Call = {}) {
    const { key = "key-a", headers = {}, body } = options;
    const { method = body ? "POST" : "GET" } = options;
    const response = await fetch(stack.url + path, {
      method,
      headers: {
        ...{ "x-api-key": key, ...headers },
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  }
  async function endedTask(key = "key-a"): Promise<string> {
    const posted = await call("/generate", {
      key,
      body: { prompt, max_tokens: 4 },
    });
    assert.equal(posted.status, 202, posted.text);
    const { task_id } = JSON.parse(posted.text) as { task_id: string };
    const ended = await call(`/result/${task_id}?wait=60`, { key });
    assert.equal(ended.status, 200, ended.text);
    return task_id;
  }
  async function recordsOf(taskId: string): Promise<RecordedTextRead[]> {
    const reads: RecordedTextRead[] = [];
    const onRead = (read: RecordedTextRead) => reads.push(read) === Infinity;
    const { signal } = new AbortController();
    await scanTextReads(broker, { taskId, onRead }, signal);
    return reads;
  }
  const readsIn = (text: string) =>
    HistoryResponse.parse(JSON.parse(text)).text_reads;
  /** Once a history has them: where the broker is late, one is answered without them. */
  const readsOf = (id: string, options?: Call) =>
    eventually(async () =>
      readsIn((await call(`/tasks/${id}/events`, options)).text),
    );
  async function keyWith(name: string, ...scopes: Scope[]): Promise<string> {
    const body = { name, scopes, rotate: true };
    const made = await call("/admin/keys", { body });
    assert.equal(made.status, 201, made.text);
    return (JSON.parse(made.text) as CreatedKeyResponse).key;
  }
  const routesOf = (id: string) =>
    [`/tasks/${id}/events`, `/result/${id}`, `/stream/${id}`] as const;

  test("read by a program of the owner's own leave no record", async () => {
    const id = await endedTask();
    for (const path of routesOf(id)) {
      const { status, text } = await call(path);
      assert.deepEqual([status, /"result"/.test(text)], [200, true], path);
    }
    assert.deepEqual(await recordsOf(id), []);
    const { text } = await call(`/tasks/${id}/events`);
    assert.equal(readsIn(text), undefined);
  });

  test("opened in the dashboard leave one record, which the history tells at once", async () => {
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
    const headers = { ...inDashboard, traceparent };
    const { id, text, reads } = await eventually(async () => {
      const id = await endedTask();
      const { text } = await call(`/tasks/${id}/events`, { headers });
      const reads = readsIn(text);
      return reads && { id, text, reads };
    });
    assert.ok(text.includes(prompt));
    const [record, ...more] = await recordsOf(id);
    assert.ok(record);
    assert.deepEqual(more, []);
    const { seq: _, time, ...told } = record;
    const key = { key_id: "env:a", key_owner: "a" };
    const read = { parts: ["prompt", "result"], surface: "dashboard" };
    const shown = { ...key, ...read, trace_id: trace };
    assert.deepEqual(told, { task_id: id, owner: "a", ...shown });
    assert.deepEqual(reads, [{ ...shown, time }]);
    // The same again is the same record; a stream and a result are the result's.
    for (const path of [...routesOf(id), ...routesOf(id)])
      assert.equal((await call(path, { headers: inDashboard })).status, 200);
    const parts = (await recordsOf(id)).map(({ parts }) => parts);
    assert.deepEqual(parts, [["prompt", "result"], ["result"]]);
    const [, second] = await recordsOf(id);
    assert.equal(second?.trace_id, id.replaceAll("-", ""));
  });

  test("are in no record, and neither is a key", async () => {
    const id = await endedTask();
    await call(`/tasks/${id}/events`, { headers: inDashboard });
    const records = JSON.stringify(await recordsOf(id));
    assert.ok(records.includes(id));
    for (const secret of ["secret prompt", "key-a"])
      assert.ok(!records.includes(secret), secret);
  });

  test("that are not answered leave no record", async () => {
    const id = await endedTask();
    const headers = inDashboard;
    const key = await keyWith("a", "read");
    const plain = await call(`/tasks/${id}/events`, { key, headers });
    assert.equal(plain.status, 200);
    assert.ok(!plain.text.includes(prompt));
    assert.ok(!/"result"/.test((await call(`/result/${id}`, { key, headers })).text)); // prettier-ignore
    assert.equal((await call(`/stream/${id}`, { key, headers })).status, 403);
    const path = `/tasks/${id}/events?texts=false`;
    assert.ok(!(await call(path, { headers })).text.includes(prompt));
    for (const route of routesOf(id))
      assert.equal((await call(route, { headers, method: "HEAD" })).status, 200); // prettier-ignore
    const of = await call(`/tasks/${id}/events`, { key: "key-b", headers });
    assert.equal(of.status, 404);
    assert.deepEqual(await recordsOf(id), []);
  });

  /** All that the stream of a task brings, and whether it came to its end; `begun` runs when its first event came. */
  async function streamOf(id: string, begun: () => unknown = () => undefined) {
    const response = await fetch(`${stack.url}/stream/${id}`, {
      headers: { "x-api-key": "key-a", ...inDashboard },
    });
    assert.equal(response.status, 200);
    const pieces = response.body!.pipeThrough(new TextDecoderStream());
    const reader = pieces.getReader();
    let all = "";
    async function next(): Promise<boolean> {
      const { done, value = "" } = await reader.read();
      all += value;
      return !done;
    }
    async function toItsEnd(): Promise<boolean> {
      while (await next());
      return true;
    }
    await next();
    await begun();
    const isWhole = await toItsEnd().catch(() => false);
    return { all, isWhole };
  }
  async function accept(body: object = {}): Promise<string> {
    const asked = { prompt, max_tokens: 4, ...body };
    const { text } = await call("/generate", { body: asked });
    return (JSON.parse(text) as { task_id: string }).task_id;
  }

  test("are on record when a stream brings the first of them, and not before", async () => {
    const never = await accept({ not_before: Date.now() / 1_000 + 3_600 });
    const { all } = await streamOf(never, () =>
      call(`/cancel/${never}`, { method: "POST" }),
    );
    assert.match(all, /event: status[^]+event: cancelled/);
    assert.match((await streamOf(never)).all, /event: cancelled/);
    assert.deepEqual(await recordsOf(never), []);

    await stack.kill("inference");
    const id = await accept();
    const whole = await streamOf(id, async () => {
      assert.deepEqual(await recordsOf(id), []);
      await stack.restart("inference");
    });
    assert.match(whole.all, /event: token[^]+event: completed/);
    const parts = (await recordsOf(id)).map(({ parts }) => parts);
    assert.deepEqual(parts, [["result"]]);
  });

  test("of another owner are read by an administrator on the record, by nobody else", async () => {
    const id = await endedTask("key-b");
    const path = `/tasks/${id}/events`;
    assert.equal((await call(path)).status, 404);
    const mayNot = await call(`${path}?owner=a`, { key: "key-b" });
    assert.equal(mayNot.status, 403);
    const without = await call(`${path}?owner=b&texts=false`);
    assert.equal(without.status, 200);
    assert.ok(!without.text.includes(prompt));
    const blind = await keyWith("a", "read", "admin");
    const unread = await call(`${path}?owner=b`, { key: blind });
    assert.equal(unread.status, 200);
    assert.ok(!unread.text.includes(prompt));
    assert.deepEqual(await recordsOf(id), []);

    const whole = await call(`${path}?owner=b`);
    assert.ok(whole.text.includes(prompt));
    const [record] = await recordsOf(id);
    assert.deepEqual(
      [record?.owner, record?.key_owner, record?.key_id, record?.surface],
      ["b", "a", "env:a", "api"],
    );
    const reads = await readsOf(id, { key: "key-b" });
    assert.deepEqual(reads.map(({ key_owner }) => key_owner), ["a"]); // prettier-ignore
    const none = await call(`${path}?owner=no-one`);
    assert.equal(none.status, 404);
  });

  test("are not answered where the broker refuses the record, and an own program reads on", async () => {
    const id = await endedTask();
    const { audit } = broker.streams;
    const { bytes, maxBytes } = await streamState(broker, audit);
    await broker.jsm.streams.update(audit, { max_bytes: bytes + 10 });
    try {
      for (const path of routesOf(id)) {
        const refused = await call(path, { headers: inDashboard });
        assert.equal(refused.status, 503, path);
        assert.match(refused.text, /the stream AUDIT is full/);
        assert.ok(!refused.text.includes("secret"));
        assert.equal((await call(path)).status, 200);
      }
      // A stream that waits for its text has begun, and is broken off.
      await stack.kill("inference");
      const waits = await accept();
      const { all, isWhole } = await streamOf(waits, () =>
        stack.restart("inference"),
      );
      assert.equal(isWhole, false);
      assert.match(all, /^event: status/m);
      assert.doesNotMatch(all, /^event: (?:token|completed)/m);
      const of = await endedTask("key-b");
      assert.equal((await call(`/tasks/${of}/events?owner=b`)).status, 503);
      assert.deepEqual(await recordsOf(id), []);
    } finally {
      await broker.jsm.streams.update(audit, { max_bytes: maxBytes });
    }
    const again = await call(`/tasks/${id}/events`, { headers: inDashboard });
    assert.equal(again.status, 200);
    assert.equal((await recordsOf(id)).length, 1);
  });

  test("keep their records when the gateway is killed and Redis has forgotten all", async () => {
    const id = await endedTask();
    await call(`/tasks/${id}/events`, { headers: inDashboard });
    await stack.kill("gateway");
    await using store = connectStore({
      ...{ url: stack.redisUrl, prefix: redisPrefix, name: "test" },
      silenceMs: 60_000,
    });
    await eventually(() => store.ready());
    await store.redis.flushall();
    await stack.restart("gateway");
    await stack.healthy();
    assert.equal((await readsOf(id)).length, 1);
  });
});
