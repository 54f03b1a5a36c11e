import { streams, workConsumerName, type Queue } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import type { Broker } from "../broker/connection.ts";
import { consumeWork } from "./consume.ts";
import { makeFindWork, sample, type ActiveQueues } from "./findWork.ts";
import { makePuller } from "../read/pull.ts";
import { streamState } from "../broker/streamState.ts";
import { readHighWaterMark } from "../state/highWaterMark.ts";
import { openLog, queue } from "../../test/eventLogTestKit.ts";
import { ensureWorkQueue, hasUndelivered } from "../streams/topology.ts";

const ackWaitMs = 60_000;
const owned = (owner: string): Queue => ({ ...queue, owner });

/** How often all consumers were listed, by this client. */
function countLists({ jsm }: Broker): () => number {
  let lists = 0;
  const list = jsm.consumers.list.bind(jsm.consumers);
  jsm.consumers.list = (stream) => {
    lists++;
    return list(stream);
  };
  return () => lists;
}

for (const version of await natsVersions())
  describe(`work that no wake-up told of, the ${version} nats-server`, () => {
    test("a worker finds it by the projection, and lists no consumers", async () => {
      await using log = await openLog(version);
      for (const owner of ["a", "b", "idle"])
        await ensureWorkQueue(log.broker, owned(owner), { ackWaitMs });
      await log.request(2, owned("a"));
      await log.request(1, owned("b"));
      const lists = countLists(log.broker);
      const { created } = await streamState(log.broker, streams.events);
      const given: string[] = [];
      await using _worker = consumeWork(log.broker, {
        model: "demo",
        slots: () => 4,
        handle: ({ queue: { owner } }) => {
          given.push(owner);
          return Promise.resolve({ kind: "done" });
        },
        onDiscarded: () => undefined,
        onStuck: () => assert.fail("stuck"),
        readActive: () =>
          Promise.resolve({
            checkpoint: { created, seq: 3, caughtUp: true },
            queues: [
              { queue: owned("a"), waiting: 2, running: 0 },
              { queue: owned("b"), waiting: 0, running: 1 },
            ],
          }),
      });
      await eventually(() => given.length === 3);
      assert.deepEqual(given.toSorted(), ["a", "a", "b"]);
      assert.equal(lists(), 0);
    });

    test("consumers are listed where the projection is away, is being built, is of another log or stands still, and rarely", async () => {
      await using log = await openLog(version);
      await ensureWorkQueue(log.broker, queue, { ackWaitMs });
      await log.request(2);
      const lists = countLists(log.broker);
      const mark = await readHighWaterMark(log.broker);
      const { created } = mark;
      const says = (checkpoint: ActiveQueues["checkpoint"]) =>
        Promise.resolve({ checkpoint, queues: [] });
      const away = () => Promise.reject(new Error("Redis is away"));
      for (const readActive of [
        undefined,
        away,
        () => says(undefined),
        () => says({ created, seq: 2, caughtUp: false }),
        () => says({ created: "another", seq: 2, caughtUp: true }),
      ]) {
        const before = lists();
        const options = { model: "demo", readActive, listEveryMs: 60_000 };
        const work = makeFindWork(log.broker, options);
        assert.deepEqual(await work.find(mark), {
          queues: [{ queue, tasks: 2 }],
          waiting: [queue],
        });
        const again = await work.find(mark);
        assert.deepEqual(again, { queues: [], waiting: undefined });
        assert.equal(lists(), before + 1);
        work.listAnew();
        await work.find(mark);
        assert.equal(lists(), before + 2);
      }
      const before = lists();
      const late = makeFindWork(log.broker, {
        ...{ model: "demo", listEveryMs: 60_000 },
        readActive: () => says({ created, seq: 1, caughtUp: true }),
      });
      // It may be a moment behind; still behind what stood there at the look before, it stands still.
      assert.deepEqual(await late.find(mark), { queues: [], waiting: [] });
      assert.equal(lists(), before);
      const found = await late.find(mark);
      assert.deepEqual(found.waiting, [queue]);
      assert.equal(lists(), before + 1);
    });

    test("whether a request waits is told by sequences, also where purged requests are counted as pending", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      await ensureWorkQueue(broker, queue, { ackWaitMs });
      assert.equal(await hasUndelivered(broker, queue), false);
      await log.request(2);
      assert.equal(await hasUndelivered(broker, queue), true);
      const { lastSeq } = await readHighWaterMark(log.broker);
      await log.request(1, owned("b"));
      await broker.jsm.streams.purge(streams.events, { seq: lastSeq + 1 });
      assert.equal(await hasUndelivered(broker, queue), false);
      await log.request(1);
      assert.equal(await hasUndelivered(broker, queue), true);
      using puller = makePuller(broker);
      await new Promise<void>((resolve) => {
        const consumer = workConsumerName(queue);
        puller.pull(
          { stream: streams.events, consumer, batch: 1 },
          { onDelivery: () => undefined, onEnd: () => resolve() },
        );
      });
      assert.equal(await hasUndelivered(broker, queue), false);
      assert.equal(await hasUndelivered(broker, owned("none")), false);
    });
  });

test("of many queues whose tasks all run some are found at a time, and each of them soon", () => {
  const all = Array.from({ length: 1_000 }, (_, i) => i);
  const seen = new Set<number>();
  for (let i = 0; i < 200; i++) {
    const some = sample(all, 128);
    assert.equal(new Set(some).size, 128);
    for (const one of some) seen.add(one);
  }
  assert.equal(seen.size, all.length);
  assert.deepEqual(sample([1, 2], 128), [1, 2]);
});
