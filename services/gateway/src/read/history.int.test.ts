/** `GET /tasks/{id}/events`: the whole history of a task and where its time went, from the log. */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  HistoryResponse,
  newTaskId,
  type LogResponse,
} from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { allProjected } from "../../test/projectedTestKit.ts";

describe("the history of a task", () => {
  let stack: Stack;
  let broker: Broker;
  beforeAll(async () => {
    stack = await startStack({
      env: {
        ...{ ENGINE: "fake", SLOTS: "1" },
        ...{ FAKE_MS: "30000", FAKE_TOKENS: "600" }, // 50 ms for each token.
        ...{ API_KEYS: "a:key-a,b:key-b", DRAIN_TIMEOUT: "100ms" },
      },
      services: ["gateway", "inference", "results"],
    });
    broker = await connectBroker({ url: stack.natsUrl, name: "test" });
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await stack?.stop();
  });

  async function call(path: string, { key = "key-a", body = "" } = {}) {
    const response = await fetch(stack.url + path, {
      method: body === "" ? "GET" : "POST",
      headers: {
        "x-api-key": key,
        ...(body !== "" && { "content-type": "application/json" }),
      },
      ...(body !== "" && { body }),
    });
    return { status: response.status, text: await response.text() };
  }
  async function post(body: object, key?: string): Promise<string> {
    const text = JSON.stringify(body);
    const { status, text: answer } = await call("/generate", { body: text, ...(key && { key }) }); // prettier-ignore
    assert.equal(status, 202, answer);
    return (JSON.parse(answer) as { task_id: string }).task_id;
  }
  const ended = (id: string, key?: string) =>
    eventually(async () => {
      const path = `/result/${id}?wait=30`;
      return (await call(path, { ...(key && { key }) })).status === 200;
    });
  async function historyOf(id: string, key?: string) {
    const path = `/tasks/${id}/events`;
    const { status, text } = await call(path, { ...(key && { key }) });
    assert.equal(status, 200, text);
    return HistoryResponse.parse(JSON.parse(text));
  }
  const typesOf = ({ events }: HistoryResponse) =>
    events.map(({ type }) => type.replace("Generate", ""));
  /** Seconds in each part of each attempt; the parts are the whole. */
  function partsOf({ timing }: HistoryResponse): Record<string, number> {
    assert.ok(timing);
    let total = 0;
    for (const { seconds } of timing.parts) total += seconds;
    assert.equal(timing.total, total);
    const named = timing.parts.map(({ part, attempt, seconds }) => [
      `${part} ${attempt}`,
      seconds,
    ]);
    return Object.fromEntries(named) as Record<string, number>;
  }

  test("a task that waited behind others tells so, and where its time went", async () => {
    await post({ prompt: "one", max_tokens: 20 });
    // What waits is known to the gateway a quarter of a second late.
    const id = await eventually(async () => {
      const id = await post({ prompt: "more", max_tokens: 8 });
      const { timing } = await historyOf(id);
      return (timing?.tasks_ahead?.own ?? 0) > 0 && id;
    });
    await ended(id);
    const history = await historyOf(id);
    assert.deepEqual(typesOf(history), ["Requested", "Started", "Completed"]);
    assert.equal(history.status, "completed");
    const parts = partsOf(history);
    assert.deepEqual(Object.keys(parts), [
      ...["gateway 1", "queue 1", "prompt 1", "generation 1"],
    ]);
    const seqs = history.events.map(({ seq }) => seq);
    assert.deepEqual(
      seqs,
      seqs.toSorted((a, b) => a - b),
    );
    const [first, second, third] = history.events;
    assert.ok(first?.type === "GenerateRequested");
    assert.ok(second?.type === "GenerateStarted");
    assert.ok(third?.type === "GenerateCompleted");
    // What was ahead may have ended before the gateway heard of it.
    const startedAt = Math.min(second.data.start_time, second.time);
    assert.equal(parts["queue 1"], Math.max(0, startedAt - first.time));
    const { time_to_first_token = NaN } = third.data.metrics;
    const firstToken = second.data.start_time + time_to_first_token;
    // A worker that stood still tells of its text all at once, and its clock may be behind the broker's.
    const spokeAt = Math.max(
      ...[first.time, startedAt, Math.min(firstToken, third.time)],
    );
    assert.equal(parts["generation 1"], third.time - spokeAt);
    assert.equal(first.data.prompt, "more");
    assert.equal(first.data.tasks_ahead?.others, 0);
  });

  test("each attempt has its own parts, worker and reason", async () => {
    const id = await post({ prompt: "long", max_tokens: 160 });
    await eventually(async () => {
      const { text } = await call(`/status/${id}`);
      return text.includes('"processing"');
    });
    const open = await historyOf(id);
    assert.deepEqual([open.status, open.timing?.end], ["processing", null]);
    assert.equal(open.timing?.parts.at(-1)?.part, "running");
    await stack.restart("inference");
    await ended(id);
    const history = await historyOf(id);
    assert.deepEqual(typesOf(history), [
      ...["Requested", "Started", "Retried", "Started", "Completed"],
    ]);
    const retried = history.events[2];
    assert.ok(retried?.type === "GenerateRetried");
    assert.equal(retried.data.reason, "drain");
    const names = Object.keys(partsOf(history)).map((name) =>
      name.replace(/prompt|generation|running/, "run"),
    );
    assert.deepEqual(
      [...new Set(names)],
      [...["gateway 1", "queue 1", "run 1", "queue 2", "run 2"]],
    );
    const workers = new Set(
      history.timing?.parts.flatMap(({ worker_id }) => worker_id ?? []),
    );
    assert.equal(workers.size, 2);
  });

  test("a body that took its time to come in counts for the gateway", async () => {
    const url = new URL(`${stack.url}/generate`);
    const body = JSON.stringify({ prompt: "slowly sent", max_tokens: 1 });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = {
      ...{ "x-api-key": "key-a", "content-type": "application/json" },
      ...{ "content-length": Buffer.byteLength(body), expect: "100-continue" },
    };
    const sending = httpRequest(url, { method: "POST", headers }, (answer) => {
      json(answer).then(resolve, reject);
    });
    sending.once("error", reject);
    sending.flushHeaders();
    await once(sending, "continue"); // The gateway has the headers.
    await sleep(2_000); // As a slow line.
    sending.end(body);
    const { task_id } = (await promise) as { task_id: string };
    await ended(task_id);
    const { "gateway 1": gateway = 0 } = partsOf(await historyOf(task_id));
    assert.ok(gateway > 0.25 && gateway < 60, String(gateway));
  });

  test("an event has the same time wherever it is read", async () => {
    const id = await post({ prompt: "timed", max_tokens: 1 });
    await ended(id);
    await allProjected(stack, broker);
    const timesOf = (events: readonly { seq: number; time: number }[]) =>
      events.map(({ seq, time }) => [seq, time]);
    const inHistory = timesOf((await historyOf(id)).events);
    const inLog = await eventually(async () => {
      const { status, text } = await call("/log?limit=100");
      if (status !== 200) return false;
      const { events } = JSON.parse(text) as LogResponse;
      return timesOf(events.filter(({ task_id }) => task_id === id)).reverse();
    });
    assert.deepEqual(inHistory, inLog);
    const { text } = await call(`/status/${id}`);
    const { end_time } = JSON.parse(text) as { end_time: number };
    assert.equal(end_time, inLog.at(-1)?.[1]);
  });

  test("a task of another key is as one that never was", async () => {
    const id = await post({ prompt: "mine", max_tokens: 1 });
    const foreign = await call(`/tasks/${id}/events`, { key: "key-b" });
    const unknown = await call(`/tasks/${newTaskId()}/events`, {
      key: "key-b",
    });
    assert.equal(foreign.status, 404);
    assert.equal(foreign.text, unknown.text);
  });

  test("what the log has dropped is missing, and then all is gone", async () => {
    const id = await post({ prompt: "dropped", max_tokens: 1 });
    await ended(id);
    const { events } = await historyOf(id);
    await allProjected(stack, broker);
    const { events: stream } = broker.streams;
    await broker.jsm.streams.purge(stream, { seq: (events[0]?.seq ?? 0) + 1 });
    const rest = await historyOf(id);
    assert.deepEqual(typesOf(rest), ["Started", "Completed"]);
    assert.deepEqual([rest.timing, rest.status], [null, "completed"]);
    const { lastSeq } = await streamState(broker, stream);
    await broker.jsm.streams.purge(stream, { seq: lastSeq + 1 });
    const gone = await call(`/tasks/${id}/events`);
    assert.equal(gone.status, 410, gone.text);
    assert.match(gone.text, /urn:jetscribe:problem:gone/);
  });

  test("the log has it also when Redis does not", async () => {
    const id = await post({ prompt: "kept", max_tokens: 1 });
    await ended(id);
    const before = await historyOf(id);
    await stack.redis.kill();
    assert.deepEqual(await historyOf(id), before);
  });
});
