/** Limits on calls, with a real Redis: two gateways share them, and each goes on alone while Redis is away. */
import type { Logger } from "@jetscribe/runtime";
import { newTaskId } from "@jetscribe/schema";
import { connectStore, makeRateLimiter } from "@jetscribe/task-store";
import {
  eventually,
  redisPrefix,
  startRedis,
  type TestServer,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startApp } from "../../test/appTestKit.ts";
import { ApiKeyList, type ApiKey } from "../keys/apiKeys.ts";
import { makeAuthThrottle } from "../admission/authThrottle.ts";
import { makeRequestRates } from "../admission/requestRates.ts";

const windowS = 60;
/** Of a call that is not refused: nobody has a task. */
const passed = 404;
const unlimited = ["free", "plain", "brief"];
const limited = ["burst", "counted", "alone", "back"];
const keys = ApiKeyList.parse(
  [...unlimited, ...limited].map((name) => `${name}:key-of-${name}`).join(),
).map((key): ApiKey => ({
  ...key,
  ...(limited.includes(key.name) && { limits: { requests_per_minute: 5 } }),
}));

describe("limits on calls", () => {
  let redis: TestServer;
  let gateways: Awaited<ReturnType<typeof startGateway>>[] = [];
  beforeAll(async () => {
    redis = await startRedis();
    gateways = await Promise.all([startGateway(), startGateway()]);
  });
  afterAll(async () => {
    for (const gateway of gateways) await gateway.close();
    await redis.stop();
  });

  /** A gateway's app with a connection of its own; the caller's address is what X-Forwarded-For says. */
  async function startGateway({
    trustProxy = 1,
    window = windowS,
    perMinute,
  }: {
    trustProxy?: number | false;
    window?: number;
    perMinute?: number;
  } = {}) {
    const store = connectStore({
      ...{ url: redis.url, prefix: redisPrefix, name: "gateway" },
      silenceMs: 60_000,
    });
    await eventually(() => store.ready());
    const log = { warn() {} } as unknown as Logger;
    const limiter = makeRateLimiter(store, "address", window);
    const started = await startApp({ trustProxy }, keys, {
      throttle: makeAuthThrottle(limiter, 3, log),
      rates: makeRequestRates(makeRateLimiter(store, "key", window), perMinute),
    });
    const path = `/status/${newTaskId()}`;
    return {
      ready: () => store.ready(),
      /** A call of the owner's key, or of a wrong one, from an address. */
      async call(owner: string, from = "198.51.100.1", remoteAddress = from) {
        const answer = await started.app.inject({
          ...{ method: "GET", url: path, remoteAddress },
          headers: { "x-api-key": `key-of-${owner}`, "x-forwarded-for": from },
        });
        const { statusCode: status, headers, body } = answer;
        return { status, headers, body };
      },
      async close() {
        await started.stop();
        await store.close();
      },
    };
  }
  type Gateway = Awaited<ReturnType<typeof startGateway>>;
  const nth = (i: number) => gateways[i] ?? assert.fail();
  const [first, second] = [() => nth(0), () => nth(1)];
  const statuses = async (calls: ReturnType<Gateway["call"]>[]) =>
    (await Promise.all(calls)).map(({ status }) => status);
  const count = (all: number[], status: number) =>
    all.filter((one) => one === status).length;
  const burst = (gateway: Gateway, owner: string, calls: number) =>
    Array.from({ length: calls }, () => gateway.call(owner));

  async function commands() {
    await using store = connectStore({
      ...{ url: redis.url, prefix: redisPrefix, name: "test" },
      silenceMs: 60_000,
    });
    await eventually(() => store.ready());
    const stats = await store.redis.info("commandstats");
    const calls = /^cmdstat_(?:evalsha|eval|incrby):calls=(\d+)/gm;
    return [...stats.matchAll(calls)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
  }

  test("of a burst on two gateways exactly as many calls pass as the key may make", async () => {
    const all = await statuses([
      ...burst(first(), "burst", 20),
      ...burst(second(), "burst", 20),
    ]);
    assert.equal(count(all, passed), 5);
    assert.equal(count(all, 429), 35);
  });

  test("every answer says what is left, and a refusal when to come again", async () => {
    const left = [];
    for (let i = 0; i < 5; i++) {
      const { status, headers } = await first().call("counted");
      assert.equal(status, passed);
      assert.equal(Number(headers["ratelimit-limit"]), 5);
      const reset = Number(headers["ratelimit-reset"]);
      assert.ok(reset > windowS - 10 && reset <= windowS, String(reset));
      left.push(Number(headers["ratelimit-remaining"]));
    }
    assert.deepEqual(left, [4, 3, 2, 1, 0]);
    for (const gateway of [first(), second(), second()]) {
      const { status, headers, body } = await gateway.call("counted");
      assert.equal(status, 429);
      assert.equal(headers["ratelimit-remaining"], "0");
      assert.equal(headers["retry-after"], headers["ratelimit-reset"]);
      const problem = JSON.parse(body) as Record<string, unknown>;
      assert.equal(problem["type"], "urn:jetscribe:problem:rate_limited");
      assert.deepEqual(problem["limit"], {
        ...{ name: "REQUESTS_PER_MINUTE", value: 5 },
      });
    }
  });

  test("a key without a limit is not counted, nor is one that has reached its own", async () => {
    const before = await commands();
    const all = await statuses([
      ...burst(first(), "free", 50),
      ...burst(first(), "counted", 50),
    ]);
    assert.equal(count(all, passed), 50);
    assert.equal(await commands(), before);
    const { headers } = await first().call("free");
    assert.equal(headers["ratelimit-limit"], undefined);
  });

  test("a limit of all keys holds for those without one of their own", async () => {
    const gateway = await startGateway({ perMinute: 2 });
    const all = await statuses(burst(gateway, "plain", 10));
    assert.equal(count(all, passed), 2);
    await gateway.close();
  });

  test("calls without a valid key are throttled by address, on all gateways, with a right key too", async () => {
    const from = "203.0.113.9";
    for (let i = 0; i < 3; i++)
      assert.equal((await first().call("nobody", from)).status, 401);
    const refused = await first().call("free", from);
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers["retry-after"]) > windowS - 10);
    assert.deepEqual((JSON.parse(refused.body) as { limit: unknown }).limit, {
      name: "AUTH_FAILURES_PER_MINUTE",
      value: 3,
    });
    assert.equal((await second().call("nobody", from)).status, 429);
    assert.equal((await second().call("free", from)).status, 429);
    assert.equal((await first().call("free", "203.0.113.10")).status, passed);
  });

  test("of a burst of wrong keys on two gateways no more are looked at than the address may try", async () => {
    const from = "203.0.113.11";
    const guesses = (gateway: Gateway) =>
      Array.from({ length: 20 }, () => gateway.call("nobody", from));
    const all = await statuses([...guesses(first()), ...guesses(second())]);
    assert.equal(count(all, 401), 3);
    assert.equal(count(all, 429), 37);
  });

  test("IPv6 callers are throttled by their /64", async () => {
    for (let i = 1; i <= 3; i++)
      await first().call("nobody", `2001:db8:1:1::${i}`);
    assert.equal((await first().call("free", "2001:db8:1:1:9::9")).status, 429);
    assert.equal(
      (await first().call("free", "2001:db8:1:2::1")).status,
      passed,
    );
  });

  test("without TRUST_PROXY what a caller says of its address changes nothing, and loopback is never throttled", async () => {
    const gateway = await startGateway({ trustProxy: false });
    const real = "203.0.113.20";
    for (let i = 1; i <= 3; i++)
      await gateway.call("nobody", `198.51.100.${i}`, real);
    assert.equal((await gateway.call("free", "192.0.2.1", real)).status, 429);
    assert.equal(
      (await gateway.call("free", real, "192.0.2.1")).status,
      passed,
    );
    for (let i = 0; i < 10; i++)
      for (const own of ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
        assert.equal((await gateway.call("nobody", own)).status, 401);
    assert.equal((await gateway.call("free", "127.0.0.1")).status, passed);
    await gateway.close();
  });

  test("when the window is over the key and the address are free again", async () => {
    const gateway = await startGateway({ window: 1, perMinute: 1 });
    const from = "203.0.113.30";
    const refusedBy = async (limit: string) => {
      const { status, body } = await gateway.call("brief", from);
      return status === 429 && body.includes(`"${limit}"`);
    };
    const passes = () =>
      eventually(async () => {
        const { status, headers } = await gateway.call("brief", from);
        return status === passed && headers;
      });
    await eventually(async () => {
      for (let i = 0; i < 3; i++) await gateway.call("nobody", from);
      return await refusedBy("AUTH_FAILURES_PER_MINUTE");
    });
    for (let windows = 0; windows < 2; windows++) {
      assert.equal((await passes())["ratelimit-remaining"], "0");
      await eventually(() => refusedBy("REQUESTS_PER_MINUTE"));
    }
    await passes();
    await gateway.close();
  });

  test("while Redis is away each gateway counts for itself; when it is back they share again", async () => {
    await redis.kill();
    await eventually(() => !first().ready() && !second().ready());
    for (const gateway of [first(), second()]) {
      const all = await statuses(burst(gateway, "alone", 20));
      assert.equal(count(all, passed), 5);
      assert.equal(count(all, 429), 15);
      const from = "203.0.113.40";
      for (let i = 0; i < 3; i++) await gateway.call("nobody", from);
      assert.equal((await gateway.call("free", from)).status, 429);
    }
    await redis.restart();
    await eventually(() => first().ready() && second().ready());
    const all = await statuses([
      ...burst(first(), "back", 10),
      ...burst(second(), "back", 10),
    ]);
    assert.equal(count(all, passed), 5);
  });
});
