import { hearWake } from "@jetscribe/event-log/signals/signals";
import {
  ensureWorkQueue,
  removeWorkQueue,
  workQueueInfo,
  workQueueNames,
} from "@jetscribe/event-log/streams/topology";
import { newTaskId, streams } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { removeIdleQueues } from "./removeIdleQueues.ts";
import {
  openReader,
  openWriter,
  queue,
  requested,
  servers,
  startResults,
  takeNext,
} from "../../test/resultsTestKit.ts";

const ackWaitMs = 15_000;
const owned = (owner: string) => ({ ...queue, owner });

for (const version of await natsVersions())
  describe(`nats-server, the ${version}`, { concurrent: true }, () => {
    test("a queue without open tasks that delivered nothing meanwhile is removed; others stay", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      await using redis = await openReader(on.redis.url);
      await using results = startResults(on);
      const { broker } = writer;
      for (const owner of ["idle", "waits", "used"])
        await ensureWorkQueue(broker, owned(owner), { ackWaitMs });
      const waits = await writer.append(
        requested(newTaskId(), owned("waits")),
        owned("waits"),
      );
      const projected = async () => {
        const { checkpoint } = await redis.reader.look([]);
        return checkpoint?.caughtUp === true && checkpoint.seq >= waits;
      };
      await eventually(projected);
      await results.kill(); // it looks at the queues too
      const comeAndGo = () =>
        broker.nc.request("llm.events.requested.demo.interactive.used", "", {
          timeout: 60_000,
        });
      const said: unknown[] = [];
      let isBehind = false;
      const job = removeIdleQueues(
        {
          ...{ broker, reader: redis.reader },
          projection: { reaches: () => Promise.resolve(!isBehind) },
          log: { info: (facts: unknown) => void said.push(facts) },
        },
        0,
      );
      const look = () => job.look(new AbortController().signal);
      await look();
      assert.equal((await workQueueNames(broker)).length, 3);
      // A worker is told of what is left of tasks that have ended.
      const told: string[] = [];
      using _wake = hearWake(
        broker,
        "demo",
        ({ owner }) => void told.push(owner),
      );
      // A request that came and went between two looks: the consumer has delivered something.
      await comeAndGo();
      await broker.nc.flush();
      told.length = 0;
      await takeNext(broker, owned("used"));
      // Deliveries count and not sequences, which a purge may change.
      await broker.jsm.streams.purge(streams.events, { seq: waits });
      await look();
      const owners = (await workQueueNames(broker)).map(({ owner }) => owner);
      assert.deepEqual(owners.toSorted(), ["used", "waits"]);
      assert.deepEqual(said, [{ removed: 1 }]);
      assert.deepEqual(told, []);
      await comeAndGo();
      // The broker may count it a moment after its PubAck.
      await eventually(async () => {
        const info = await workQueueInfo(broker, owned("used"));
        return info?.pending === 1;
      });
      await broker.nc.flush();
      told.length = 0;
      isBehind = true;
      await look();
      await eventually(() => told.length > 0);
      assert.deepEqual(told, ["used"]);
      assert.equal((await workQueueNames(broker)).length, 2);
      isBehind = false;
      await look();
      const left = (await workQueueNames(broker)).map(({ owner }) => owner);
      assert.deepEqual(left, ["waits"]);
    });

    test("a request that slips in while its queue is removed has its queue made again", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      const { broker } = writer;
      await using results = startResults(on);
      await ensureWorkQueue(broker, queue, { ackWaitMs });
      await removeWorkQueue(broker, queue);
      const seq = await writer.append(requested(newTaskId()));
      const info = await eventually(() => workQueueInfo(broker, queue));
      assert.deepEqual(
        [info.pending, info.ackPending, info.deliveredSeq],
        [1, 0, seq - 1],
      );
      await eventually(() => results.said("work queue made again") === 1);
    });

    test("all work queues are named, page by page", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      const owners = Array.from({ length: 1_100 }, (_, i) => `o${i}`);
      for (let i = 0; i < owners.length; i += 100)
        await Promise.all(
          owners
            .slice(i, i + 100)
            .map((owner) =>
              ensureWorkQueue(writer.broker, owned(owner), { ackWaitMs }),
            ),
        );
      const named = await workQueueNames(writer.broker);
      assert.deepEqual(
        named.map(({ owner }) => owner).toSorted(),
        owners.toSorted(),
      );
    });
  });
