/** Which part of the log is needed, read while owners come and go, on a real Redis. */
import { eventually, redisPrefix, withRedis } from "@jetscribe/testing";
import type { Redis } from "ioredis";
import assert from "node:assert/strict";
import { test, vi } from "vitest";
import {
  connectStore,
  makeTaskReader,
  makeTaskWriter,
  type TaskReader,
} from "./index.ts";
import { keys } from "./keys.ts";

const checkpoint = {
  ...{ created: "monday", seq: 9, id: "a", caughtUp: true, beat: 1, bytes: 0 },
  open: { tasks: 0, tokens: 0, bytes: 0, bytesPerToken: 8 },
};
const queueOf = (owner: string) => `demo:interactive:${owner}`;

/** Before each reading the only queue is another owner's. */
function changeOwners(redis: Redis, ownerOf: (reading: number) => string) {
  const multi = redis.multi.bind(redis) as () => ReturnType<Redis["multi"]>;
  let readings = 0;
  vi.spyOn(redis, "multi").mockImplementation(() => {
    assert.ok(++readings < 20, "it reads for ever");
    const name = queueOf(ownerOf(readings));
    // On the same connection, so that it is done before the reading.
    void redis.del(keys.queues);
    void redis.sadd(keys.queues, name);
    void redis.zadd(keys.queue(name), 7, `task-${readings}`);
    return multi();
  });
}

async function withReader(
  use: (redis: Redis, reader: TaskReader) => Promise<void>,
) {
  await withRedis(async ({ url }) => {
    const patient = { url, prefix: redisPrefix, silenceMs: 60_000 };
    await using own = connectStore({ ...patient, name: "writer" });
    await using shared = connectStore({ ...patient, name: "reader" });
    await eventually(() => own.ready() && shared.ready());
    const writer = makeTaskWriter(own, { resultTtlMs: 3_600_000 });
    await writer.clear({ expected: undefined, next: checkpoint });
    await use(shared.redis, makeTaskReader(shared));
  });
}

test("two owners that take turns don't keep the reading from its end", () =>
  withReader(async (redis, reader) => {
    changeOwners(redis, (reading) => (reading % 2 === 0 ? "a" : "b"));
    const use = await reader.logUse(1);
    assert.equal(use?.oldestOpen?.seq, 7);
  }));

test("where a new owner comes before each reading nothing is known", () =>
  withReader(async (redis, reader) => {
    changeOwners(redis, (reading) => `owner-${reading}`);
    assert.equal(await reader.logUse(1), undefined);
  }));
