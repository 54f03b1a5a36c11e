/** What a version without REDIS_PREFIX left: it is told of, stays, and is removed by its command, and nothing else is. */
import { newTaskId } from "@jetscribe/schema";
import {
  connectStore,
  makeTaskWriter,
  type Store,
} from "@jetscribe/task-store";
import { eventually, redisPrefix, withRedis } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect as connectTo, createServer, type AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import { test } from "vitest";
import {
  openWriter,
  servers,
  startResults,
} from "../../test/resultsTestKit.ts";

const program = new URL("main.ts", import.meta.url).pathname;
const warning = "an earlier version left keys without a prefix in Redis";
const open = { tasks: 0, tokens: 0, bytes: 0, bytesPerToken: 8 };
const checkpoint = {
  ...{ created: "2026-01-01T00:00:00Z", seq: 9, id: "a.requested" },
  ...{ caughtUp: true, beat: 1, bytes: 0, open },
};

/** The command, where nobody could answer it. */
function remove(url: string, ...args: string[]) {
  return new Promise<{ code: number; output: string }>((resolve) => {
    execFile(
      process.execPath,
      [program, ...args],
      { env: { REDIS_URL: url } },
      (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

/** The way to a Redis on which a connection is silent at first, for longer than a service would wait. */
async function slowWayTo(url: string) {
  const port = Number(new URL(url).port);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    const redis = connectTo(port, "127.0.0.1");
    setTimeout(() => pipeline(socket, redis, socket, () => undefined), 1_500);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const way = (server.address() as AddressInfo).port;
  return {
    url: `redis://127.0.0.1:${way}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function connect(url: string) {
  const store = connectStore({
    url,
    prefix: "",
    name: "test",
    silenceMs: 60_000,
  });
  await eventually(() => store.ready());
  return store;
}

/** Gives values, which begin with the version of their form, the last one that was stored without a prefix. */
async function asVersion3({ redis }: Store, keys: string[]): Promise<void> {
  const values = await redis.mget(keys);
  const changed = keys.map((key, i) => [
    key,
    (values[i] ?? "").replace(/^\[\d+/, "[3"),
  ]);
  await redis.mset(changed.flat());
}

/** As such a version did: the same keys and values, without the prefix, and those that are kept no more. */
async function leaveKeys(url: string) {
  await using store = await connect(url);
  const writer = makeTaskWriter(store, { resultTtlMs: 3_600_000 });
  const queued = (seq: number) => ({
    ...{ task_id: newTaskId(), status: "queued" as const, seq },
    ...{ model: "Demo", lane: "batch" as const, owner: "a" },
    ...{ enqueue_time: 1, timeout_ms: 1, start_timeout_ms: 1, max_tokens: 1 },
    ...{ attempt: 0, failures: 0, estimated_wait: 1e-7 },
  });
  const many = Array.from({ length: 3_000 }, (_, seq) => queued(seq));
  const [runs, ended] = [queued(3_000), queued(3_001)];
  const metrics = {
    ...{ queue_wait_time: 1, processing_time: 1, total_time: 2 },
    ...{ prompt_tokens: 1, completion_tokens: 1, tokens_per_second: 1 },
  };
  const first = { first_start: 2, attempt: 1 };
  const states = [
    ...many,
    { ...runs, ...first, status: "processing" as const, worker_id: "w" },
    {
      ...{ ...ended, ...first, status: "completed" as const, metrics },
      ...{ result: "of two\u2028lines", finish_reason: "stop" as const },
      ...{ end_time: Date.now() / 1_000, end_seq: 9 },
    },
  ];
  await writer.commit({
    ...{ expected: undefined, next: checkpoint },
    changed: states.map((after) => ({ before: undefined, after })),
    milestones: [{ seq: 1, bytes: 2 }],
  });
  await writer.noteProjection("logger", 1, 2);
  const tasks = await store.redis.keys("task:*");
  await asVersion3(store, ["checkpoint", ...tasks]);
  await store.redis.lpush("tasks:recent", runs.task_id);
  await store.redis.set(`task:${newTaskId()}`, '[1,"failed",3,"Demo"]');
}

/** Of our names, and not ours by what they hold. */
const foreign = {
  "task:5": '[3,"queued",1,"Demo"]',
  [`task:${newTaskId()}`]: '{"title":"shop"}',
  ...{ "queue:mail": "x", "open:door": "x", "queues:x": "x" },
  "queue:demo:batch:other": "x",
};

test("what was left is told of once and stays; the command removes exactly that", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await writer.lives(30);
  await leaveKeys(on.redis.url);
  await using store = await connect(on.redis.url);
  const left = await store.redis.keys("*");
  const ofKinds = new Set(left.map((key) => key.replace(/^(\w+):.*/, "$1")));
  assert.equal(ofKinds.size, 13, [...ofKinds].join());
  await store.redis.mset(foreign);

  await using results = startResults(on);
  await eventually(() => results.said("projecting") && results.said(warning));
  await store.redis.call("CLIENT", "KILL", "SKIPME", "yes");
  await eventually(() => results.said("Redis is connected") > 3);
  await results.kill("SIGTERM");
  assert.equal(results.said(warning), 1);
  assert.match(results.output(), /npm run redis:remove-unprefixed/);
  const all = new Set(await store.redis.keys("*"));
  assert.deepEqual(
    left.filter((key) => !all.has(key)),
    [],
  );

  const asked = await remove(on.redis.url);
  assert.equal(asked.code, 1);
  assert.match(asked.output, / 3003 {2}task:…\n/);
  assert.equal(await store.redis.dbsize(), all.size);

  const done = await remove(on.redis.url, "--yes");
  assert.equal(done.code, 0, done.output);
  const stays = await store.redis.keys("*");
  assert.deepEqual(
    stays.filter((key) => !key.startsWith(redisPrefix)).toSorted(),
    Object.keys(foreign).toSorted(),
  );
  assert.equal(stays.length, all.size - left.length);

  await using again = startResults(on);
  await eventually(() => again.said("projecting"));
  await again.kill("SIGTERM");
  assert.equal(again.said(warning), 0);
});

test("where no such version was, even keys of our shape are another's; wrong use and a wrong address are said", () =>
  withRedis(async ({ url }) => {
    await leaveKeys(url);
    await using store = await connect(url);
    for (const other of ["{}", "monday", '["3","x",1]']) {
      await store.redis.set("checkpoint", other);
      const before = await store.redis.dbsize();
      const { code, output } = await remove(url, "--yes");
      assert.equal(code, 0, output);
      assert.match(output, /left no keys/);
      assert.equal(await store.redis.dbsize(), before);
    }
    assert.equal((await remove(url, "--all")).code, 64);
    assert.equal((await remove("localhost")).code, 78);
  }));

test("a Redis that is slow to answer is waited for", () =>
  withRedis(async (redis) => {
    await using slow = await slowWayTo(redis.url);
    const { code, output } = await remove(slow.url);
    assert.equal(code, 0, output);
  }));
