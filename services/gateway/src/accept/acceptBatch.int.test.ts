/** `POST /generate/batch`: each request by itself, the whole once, also where a gateway dies in the middle of it. */
import {
  readIdempotencyKey,
  takeIdempotencyKey,
} from "@jetscribe/event-log/append/idempotencyKeys";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { scan } from "@jetscribe/event-log/read/readLog";
import {
  newTaskId,
  type GenerateBatchResponse,
  type LimitsResponse,
} from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startDyingGateway } from "../../test/dyingGatewayTestKit.ts";
import { allProjected } from "../../test/projectedTestKit.ts";
import { keyOfItem } from "./acceptBatch.ts";

const maxTasks = 1_500;
const env = {
  API_KEYS: "a:key-a,b:key-b",
  MAX_TASKS_PER_KEY: String(maxTasks),
};

describe("a batch", () => {
  let stack: Stack;
  let broker: Broker;
  beforeAll(async () => {
    stack = await startStack({
      env: { ENGINE: "fake", FAKE_MS: "0", ...env },
      services: ["gateway", "gateway-2", "inference", "results"],
    });
    broker = await connectBroker({ url: stack.natsUrl, name: "test" });
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await stack?.stop();
  });

  async function send(
    body: unknown,
    { url = stack.url, idempotencyKey = "", key = "key-a" } = {},
  ) {
    const response = await fetch(`${url}/generate/batch`, {
      method: "POST",
      headers: {
        "x-api-key": key,
        "content-type": "application/json",
        ...(idempotencyKey !== "" && { "idempotency-key": idempotencyKey }),
      },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const answer = (await response.json()) as GenerateBatchResponse & {
      errors?: { field: string }[];
    };
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      answer,
      fields: answer.errors?.map(({ field }) => field),
      /** Of each item: the id of its task, or why it has none. */
      items: (answer.items ?? []).map((item) =>
        "problem" in item
          ? [
              item.problem.status,
              ...(item.problem.errors ?? []).map(({ field }) => field),
            ]
          : item.task_id,
      ),
    };
  }
  const prompts = (count: number, of = "prompt") => ({
    requests: Array.from({ length: count }, (_, i) => ({
      ...{ prompt: `${of} ${i}`, max_tokens: 1 },
    })),
  });
  const idsOf = ({ items }: Awaited<ReturnType<typeof send>>) => {
    for (const item of items) assert.equal(typeof item, "string", String(item));
    return items as string[];
  };

  /** The prompts of all requests in the log whose prompt begins so, by task; each stands there once. */
  async function stored(of: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const reading = {
      stream: broker.streams.events,
      from: { seq: 1 },
      filter: "llm.events.requested.>",
    };
    await scan(broker, reading, ({ data }) => {
      const event = JSON.parse(Buffer.from(data).toString()) as {
        task_id: string;
        prompt?: string;
      };
      const { task_id, prompt = "" } = event;
      if (prompt.startsWith(`${of} `)) {
        assert.ok(!found.has(task_id), `${prompt} twice`);
        found.set(task_id, prompt);
      }
      return false;
    });
    return found;
  }
  /** Each item has a task of its own in the log, with its own prompt, and nothing else was made. */
  async function assertOnce(of: string, ids: readonly string[]) {
    const byTask = await stored(of);
    assert.equal(byTask.size, ids.length);
    for (const [i, id] of ids.entries())
      assert.equal(byTask.get(id), `${of} ${i}`);
  }
  async function assertEnded(ids: readonly string[]) {
    // This gateway looks for what is not projected yet in the log, for 64 tasks at once.
    await allProjected(stack, broker);
    const headers = { "x-api-key": "key-a" };
    const statuses = await Promise.all(
      ids.map(async (id) => {
        const path = `/result/${id}?wait=60`;
        return (await fetch(stack.url2 + path, { headers })).status;
      }),
    );
    assert.deepEqual(new Set(statuses), new Set([200]));
  }

  test("all that it asks for becomes tasks, in its order, with links", async () => {
    const sent = await send(prompts(1_000, "many"));
    assert.equal(sent.status, 202);
    assert.deepEqual([sent.answer.accepted, sent.answer.refused], [1_000, 0]);
    const ids = idsOf(sent);
    await assertOnce("many", ids);
    await assertEnded(ids);
    const [first] = sent.answer.items;
    assert.ok(first && "links" in first);
    assert.equal(first.links.result, `/result/${first.task_id}`);
  });

  test("what is refused is so by itself, and leaves the rest alone", async () => {
    // A gateway that has not heard all workers yet says of no model that it is not there.
    await eventually(async () => {
      const one = await send({ requests: [{ prompt: "x", model: "none" }] });
      return String(one.items[0]) === "400,model";
    });
    const sent = await send({
      requests: [
        { prompt: "mixed 0" },
        { prompt: "mixed 1", max_tokens: 0, colour: "red" },
        null,
        { prompt: "mixed 3", model: "none" },
        { prompt: "mixed 4", seed: null },
        {},
      ],
    });
    assert.equal(sent.status, 207);
    const [first, , , , fifth] = sent.items;
    assert.deepEqual(sent.items, [
      first,
      [400, "max_tokens", "colour"],
      [400, "body"],
      [400, "model"],
      fifth,
      [400, "prompt"],
    ]);
    assert.deepEqual([sent.answer.accepted, sent.answer.refused], [2, 4]);
    assert.deepEqual([...(await stored("mixed")).keys()], [first, fifth]);
    assert.equal(sent.retryAfter, null);
  });

  test("what is no batch is refused as a whole, and nothing is stored", async () => {
    const good = { prompt: "whole 0" };
    for (const [body, field] of [
      [{}, "requests"],
      [{ requests: [] }, "requests"],
      [{ requests: {} }, "requests"],
      [{ requests: new Array<object>(1_001).fill(good) }, "requests"],
      [{ requests: [good], prompt: "hi" }, "prompt"],
      [[good], "body"],
    ] as const) {
      const { status, fields } = await send(body);
      assert.deepEqual([status, fields], [400, [field]]);
    }
    assert.equal((await send('{"requests":[')).status, 400);
    const large = { requests: [{ prompt: "x".repeat(2 ** 23) }] };
    assert.equal((await send(large)).status, 413);
    assert.equal((await stored("whole")).size, 0);
  });

  test("the same batch with the same key is the same tasks; a request that differs is refused", async () => {
    const idempotencyKey = randomUUID();
    const batch = prompts(20, "same");
    const first = await send(batch, { idempotencyKey });
    const again = await send(batch, { idempotencyKey, url: stack.url2 });
    assert.deepEqual(idsOf(again), idsOf(first));
    for (const item of again.answer.items)
      assert.ok("replayed" in item && item.replayed);
    for (const item of first.answer.items) assert.ok(!("replayed" in item));
    const other = structuredClone(batch);
    other.requests[3] = { prompt: "same other", max_tokens: 1 };
    const { status, items } = await send(other, { idempotencyKey });
    assert.equal(status, 207);
    assert.deepEqual(items, idsOf(first).with(3, [422] as never));
    await assertOnce("same", idsOf(first));
  });

  test("a gateway that dies in the middle of it makes no doubles, and the same call does the rest", async () => {
    const idempotencyKey = randomUUID();
    const batch = prompts(1_000, "crash");
    await using dying = await startDyingGateway(stack, env);
    const { url } = dying;
    await eventually(async () => (await fetch(`${url}/readyz`)).ok);
    await assert.rejects(send(batch, { idempotencyKey, url }));
    const before = await stored("crash");
    assert.ok(before.size > 0 && before.size < 1_000, String(before.size));
    const again = await send(batch, { idempotencyKey, url: stack.url2 });
    const ids = idsOf(again);
    await assertOnce("crash", ids);
    for (const id of before.keys()) assert.ok(ids.includes(id));
    await assertEnded(ids);
  });

  test("a gateway that died between a request's key and the request lost nothing", async () => {
    const [idempotencyKey, probe] = [randomUUID(), randomUUID()];
    const batch = prompts(3, "between");
    // Takes the fingerprint that the gateway gives to this request.
    await send({ requests: prompts(2, "between").requests }, { idempotencyKey: probe, key: "key-b", url: stack.url2 }); // prettier-ignore
    const known = await readIdempotencyKey(broker, {
      ...{ owner: "b", key: keyOfItem(probe, 1) },
    });
    assert.ok(known);
    const task_id = newTaskId();
    const record = { task_id, fingerprint: known.fingerprint };
    const key = keyOfItem(idempotencyKey, 1);
    assert.ok(await takeIdempotencyKey(broker, { owner: "a", key }, record));
    const { items } = await send(batch, { idempotencyKey, url: stack.url2 });
    assert.equal(items[1], task_id);
    await assertEnded([task_id]);
  });

  test("a limit refuses the requests that are over it, and says when to come again", async () => {
    await stack.kill("inference", "SIGTERM");
    const url = stack.url2;
    const unfinished = async () => {
      const headers = { "x-api-key": "key-a" };
      const response = await fetch(`${url}/limits`, { headers });
      return ((await response.json()) as LimitsResponse).tasks?.unfinished;
    };
    await eventually(async () => (await unfinished()) === 0);
    const sent = [
      await send(prompts(1_000, "limit"), { url }),
      await send(prompts(1_000, "limit"), { url }),
    ];
    const accepted = sent.map(({ answer }) => answer.accepted);
    assert.deepEqual(accepted, [1_000, maxTasks - 1_000]);
    assert.equal(sent[1]?.status, 207);
    assert.ok(Number(sent[1].retryAfter) > 0);
    const refused = sent[1].items.filter((item) => typeof item !== "string");
    assert.deepEqual(new Set(refused.flat()), new Set([429]));
    assert.equal(await unfinished(), maxTasks);
  });
});
