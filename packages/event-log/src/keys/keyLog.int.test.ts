import { eventually, natsVersions } from "@jetscribe/testing";
import type { KeyEvent } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "vitest";
import { isWrongLastSequence } from "../append/append.ts";
import type { Broker } from "../broker/connection.ts";
import { openLog } from "../../test/eventLogTestKit.ts";
import { appendKeyEvent, followKeys, type KeyRecords } from "./keyLog.ts";

const created = (key_id: string): KeyEvent => ({
  type: "KeyCreated",
  data: {
    ...{ key_id, name: key_id, prefix: `jsk_${key_id}` },
    ...{ digest: "0".repeat(64), scopes: ["read"], by: "env:a" },
  },
});
const revoked = (key_id: string): KeyEvent => ({
  type: "KeyRevoked",
  data: { key_id, by: "env:a" },
});
const append = (broker: Broker, event: KeyEvent, after: number) =>
  appendKeyEvent(broker, event, { after, id: randomUUID(), now: new Date() });
const [a, b, c] = ["a", "b", "c"].map((letter) => letter.repeat(12)) as [
  string,
  string,
  string,
];

/** What a follower was told, the latest last. */
function follow(broker: Broker) {
  const told: KeyRecords[] = [];
  const garbage: number[] = [];
  const stop = new AbortController();
  const done = followKeys(
    broker,
    {
      onKeys: (keys) => void told.push(keys),
      onGarbage: (seq) => void garbage.push(seq),
    },
    stop.signal,
  );
  return {
    told,
    garbage,
    reached: (seq: number) =>
      eventually(() => {
        const last = told.at(-1);
        return last?.seq === seq && last;
      }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

for (const version of await natsVersions())
  describe(`API keys in KEYS, the ${version} nats-server`, () => {
    test("of changes at once over the same keys one is stored", async () => {
      await using log = await openLog(version);
      const brokers = [log.broker, await log.connect()];
      await append(log.broker, created(a), 0);
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) =>
          append(brokers[i % 2]!, created(i % 2 ? b : c), 1),
        ),
      );
      const stored = results.filter(({ status }) => status === "fulfilled");
      assert.equal(stored.length, 1);
      for (const result of results)
        if (result.status === "rejected")
          assert.ok(isWrongLastSequence(result.reason), String(result.reason));
    });

    test("a follower is told all keys at first, never a part of them, and then each change", async () => {
      await using log = await openLog(version);
      {
        await using none = follow(log.broker);
        assert.equal((await none.reached(0)).records.size, 0);
      }
      await append(log.broker, created(a), 0);
      await append(log.broker, created(b), 1);
      await append(log.broker, revoked(a), 2);
      await using following = follow(log.broker);
      const { records } = await following.reached(3);
      assert.equal(following.told.length, 1);
      assert.deepEqual([...records.keys()], [a, b]);
      assert.ok(records.get(a)?.revoked_at);
      assert.equal(records.get(b)?.revoked_at, undefined);
      await append(log.broker, revoked(b), 3);
      assert.ok((await following.reached(4)).records.get(b)?.revoked_at);
      // What was told before stays as it was.
      assert.equal(records.get(b)?.revoked_at, undefined);
    });

    test("a message that is no event is passed over, and what was removed holds up no change", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      await append(broker, created(a), 0);
      await broker.jsm
        .jetstream()
        .publish(broker.subjects.keyEvent("created", b), "{}");
      await broker.jsm.jetstream().publish("llm.keys.other", "{}");
      await append(broker, created(c), 3);
      await broker.jsm.streams.deleteMessage(broker.streams.keys, 4);
      await using following = follow(broker);
      const { records, seq } = await following.reached(4);
      assert.deepEqual([...records.keys()], [a]);
      assert.deepEqual(following.garbage, [2, 3]);
      await append(broker, created(b), seq);
      await following.reached(5);
    });

    test("after a restart of the broker all keys are read anew", async () => {
      await using log = await openLog(version);
      await append(log.broker, created(a), 0);
      await using following = follow(log.broker);
      await following.reached(1);
      await log.nats.restart();
      await log.broker.whenConnected(AbortSignal.timeout(60_000));
      await eventually(() => following.told.length >= 2);
      await append(log.broker, created(b), 1);
      assert.equal((await following.reached(2)).records.size, 2);
    });
  });
