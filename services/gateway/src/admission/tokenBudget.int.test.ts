/** Tokens per day on a whole system: what is reserved and settled, on two gateways, and out of the log again. */
import { connectStore, dayOf, makeTaskReader } from "@jetscribe/task-store";
import {
  eventually,
  redisPrefix,
  startStack,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";

const limit = 1_000;
/** Each request may take 100 tokens: 98, and 2 for its prompt. */
const asked = { prompt: "12345678", max_tokens: 98 };
const body = JSON.stringify(asked);

describe("tokens per day", () => {
  let stack: Stack;
  let store: ReturnType<typeof connectStore>;
  beforeAll(async () => {
    // A day that ends meanwhile would be another test.
    await eventually(() => 86_400_000 - (Date.now() % 86_400_000) > 60_000);
    stack = await startStack({
      services: ["gateway", "gateway-2", "inference", "results"],
      env: {
        // A token takes 600 ms.
        ...{ ENGINE: "fake", FAKE_MS: "3000", FAKE_TOKENS: "5", SLOTS: "10" },
        API_KEYS: "a:key-of-a,b:key-of-b",
        TOKENS_PER_DAY: String(limit),
        REQUESTS_PER_MINUTE: "5000",
      },
    });
    const { redisUrl: url } = stack;
    store = connectStore({
      url,
      prefix: redisPrefix,
      name: "test",
      silenceMs: 60_000,
    });
    await eventually(() => store.ready());
  });
  afterAll(async () => {
    await store.close();
    await stack.stop();
  });

  async function call(key: string, path: string, init: RequestInit = {}) {
    const response = await fetch(path, {
      ...init,
      headers: {
        "x-api-key": `key-of-${key}`,
        ...(init.body ? { "content-type": "application/json" } : {}),
      },
    });
    const { status, headers } = response;
    const answer = (await response.json()) as Record<string, unknown>;
    return { status, headers, body: answer };
  }
  const post = (key: string, { at = stack.url, sent = body } = {}) =>
    call(key, `${at}/generate`, { method: "POST", body: sent });
  const countOf = (answers: { status: number }[], status: number) =>
    answers.filter((one) => one.status === status).length;
  async function projected(owner: string) {
    const found = await makeTaskReader(store).unfinished(dayOf(Date.now()));
    return (
      found?.tokens && {
        reserved: found.tokens.reserved.get(owner),
        spent: found.tokens.spent.get(owner),
      }
    );
  }
  const ids: string[] = [];

  test("of a burst as many are accepted as the day has tokens for, and the other gateway counts them too", async () => {
    // Nothing ends, so all stays reserved.
    await stack.kill("inference", "SIGSTOP");
    const burst = await Promise.all(
      Array.from({ length: 30 }, () => post("a")),
    );
    assert.equal(countOf(burst, 202), 10);
    assert.equal(countOf(burst, 429), 20);
    const refused = burst.find(({ status }) => status === 429);
    assert.equal(
      refused?.body["type"],
      "urn:jetscribe:problem:token_budget_spent",
    );
    assert.deepEqual(refused?.body["limit"], {
      ...{ name: "TOKENS_PER_DAY", value: limit },
    });
    assert.equal(refused?.headers.get("retry-after"), "5");
    await eventually(async () => {
      const { body: left } = await call("a", `${stack.url2}/limits`);
      const tokens = left["tokens"] as Record<string, number>;
      return tokens["reserved"] === limit;
    });
    assert.equal((await post("a", { at: stack.url2 })).status, 429);
    assert.equal((await post("b", { at: stack.url2 })).status, 202);
    const larger = { prompt: "x", max_tokens: limit };
    const sent = JSON.stringify(larger);
    assert.equal((await post("b", { sent })).status, 413);
    for (const { status, body: accepted } of burst)
      if (status === 202) ids.push(String(accepted["task_id"]));
    await stack.kill("inference", "SIGCONT");
  });

  test("an outcome settles what was reserved with what the task took", async () => {
    let took = 0;
    for (const id of ids) {
      const { body: result } = await call(
        "a",
        `${stack.url}/result/${id}?wait=60`,
      );
      assert.equal(result["status"], "completed");
      const { prompt_tokens, completion_tokens } = result["metrics"] as Record<
        string,
        number
      >;
      took += (prompt_tokens ?? NaN) + (completion_tokens ?? NaN);
    }
    assert.ok(took > 0 && took < limit / 2);
    await eventually(async () => (await projected("a"))?.spent === took);
    assert.equal((await projected("a"))?.reserved, undefined);
    await eventually(async () => {
      const { body: left } = await call("a", `${stack.url}/limits`);
      const tokens = left["tokens"] as Record<string, number>;
      return tokens["spent"] === took && tokens["reserved"] === 0;
    });
    const { body: left } = await call("a", `${stack.url}/limits`);
    const tokens = left["tokens"] as Record<string, number>;
    assert.equal(tokens["remaining"], limit - took);
    assert.equal((left["requests"] as { limit: number }).limit, 5_000);
  });

  test("a task that is cancelled while it waits or runs settles what it took", async () => {
    const before = (await projected("a"))?.spent ?? NaN;
    const sent = JSON.stringify({ ...asked, ignore_eos: true });
    const { body: accepted } = await post("a", { sent });
    const id = String(accepted["task_id"]);
    await eventually(async () => (await projected("a"))?.reserved === 100);
    const { status } = await call("a", `${stack.url}/cancel/${id}`, {
      method: "POST",
    });
    assert.equal(status, 200);
    const { body: result } = await call("a", `${stack.url}/result/${id}`);
    const { prompt_tokens = 0, completion_tokens = 0 } = result[
      "metrics"
    ] as Record<string, number>;
    await eventually(
      async () =>
        (await projected("a"))?.spent ===
        before + prompt_tokens + completion_tokens,
    );
    assert.equal((await projected("a"))?.reserved, undefined);
  });

  test("an emptied Redis gets the same numbers back from the log", async () => {
    await eventually(async () => (await projected("b"))?.spent);
    await stack.kill("inference", "SIGSTOP");
    const { body: accepted } = await post("a");
    await eventually(async () => (await projected("a"))?.reserved === 100);
    const [a, b] = [await projected("a"), await projected("b")];
    assert.ok((a?.spent ?? 0) > 0 && (b?.spent ?? 0) > 0);
    await store.redis.flushall();
    await eventually(async () => (await projected("b")) !== undefined);
    await eventually(async () => (await projected("a"))?.reserved === 100);
    assert.deepEqual(await projected("a"), a);
    assert.deepEqual(await projected("b"), b);
    const days = await store.redis.pttl(`spent:${dayOf(Date.now())}`);
    assert.ok(days > 86_400_000 && days < 2 * 86_400_000, String(days));
    await stack.kill("inference", "SIGCONT");
    const id = String(accepted["task_id"]);
    const { body: result } = await call(
      "a",
      `${stack.url}/result/${id}?wait=60`,
    );
    assert.equal(result["status"], "completed");
  });

  test("a stream says what its key has left of its calls", async () => {
    const response = await fetch(`${stack.url}/stream/${ids[0]}`, {
      headers: { "x-api-key": "key-of-a" },
    });
    assert.equal(response.headers.get("ratelimit-limit"), "5000");
    await response.body?.cancel();
  });
});
