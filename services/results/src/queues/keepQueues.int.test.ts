import {
  ensureTopology,
  ensureWorkQueue,
  listWorkQueues,
  workQueueInfo,
} from "@jetscribe/event-log/streams/topology";
import { hearGroupsChanged } from "@jetscribe/event-log/signals/signals";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  newTaskId,
  streams,
  workConsumerName,
  type Queue,
} from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import {
  assertProjected,
  cancelled,
  completed,
  openReader,
  openWriter,
  queue,
  requested,
  servers,
  settings,
  started,
  startResults,
  takeNext,
  type Writer,
} from "../../test/resultsTestKit.ts";

const ackWaitMs = 15_000;
const other = { ...queue, owner: "b" };
const lostTail = "the log lost its tail: it is projected anew";
const remade = "work queue made again";

/** A finished task, then a running one, then a waiting one. Gives the sequence of the running one's request. */
async function threeTasks({ append }: Writer): Promise<number> {
  const [done, runs] = [newTaskId(), newTaskId()];
  for (const event of [requested(done), started(done), completed(done)])
    await append(event);
  const seq = await append(requested(runs));
  await append(started(runs));
  await append(requested(newTaskId()));
  return seq;
}

const startOf = async ({ broker }: Writer, of = queue) => {
  const name = workConsumerName(of);
  const { config } = await broker.jsm.consumers.info(streams.events, name);
  return config.opt_start_seq;
};

for (const version of await natsVersions())
  describe(`nats-server, the ${version}`, { concurrent: true }, () => {
    test("a work queue that is gone is made again from its oldest open request", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      await using results = startResults(on);
      await ensureWorkQueue(writer.broker, queue, { ackWaitMs });
      const oldest = await threeTasks(writer);
      const name = workConsumerName(queue);
      await writer.broker.jsm.consumers.delete(streams.events, name);
      const [again] = await eventually(async () => {
        const found = await listWorkQueues(writer.broker);
        return found.length > 0 && found;
      });
      assert.equal(await startOf(writer), oldest);
      assert.deepEqual(again, {
        ...{ queue, pending: 2, ackPending: 0 },
        ...{ deliveredSeq: oldest - 1, deliveries: 0, maxAckPending: -1 },
      });
      await eventually(() => results.said(remade) === 1);
    });

    test("a group that is made again lets as many run as the log's newest request says, and gateways are told", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      const { broker, append } = writer;
      const group = { ...queue, group: "g" };
      const heard: Queue[] = [];
      using _hearing = hearGroupsChanged(broker, (of) => void heard.push(of));
      await append(requested(newTaskId(), group), group);
      // A gateway lets three run, for a request that it has not stored yet.
      await ensureWorkQueue(broker, group, { ackWaitMs, concurrency: 3 });
      await broker.jsm.consumers.delete(
        streams.events,
        workConsumerName(group),
      );
      await using results = startResults(on);
      await eventually(() => results.said(remade) === 1);
      await eventually(() => heard.length > 0);
      assert.deepEqual(heard, [group]);
      const found = await workQueueInfo(broker, group);
      assert.equal(found?.maxAckPending, 1);
    });

    test("a work queue that is gone is made again for tasks that run, though none waits", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      await using results = startResults(on);
      const ids = [newTaskId(), newTaskId()];
      const [oldest] = await Promise.all(
        ids.map((id) => writer.append(requested(id))),
      );
      for (const id of ids) await writer.append(started(id));
      await eventually(() => startOf(writer));
      assert.equal(await startOf(writer), oldest);
      await eventually(() => results.said(remade) === 1);
    });

    test("a work queue that took a running task for acknowledged is made again, also where others are pending that were cancelled", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      const { broker, append } = writer;
      await ensureWorkQueue(broker, queue, { ackWaitMs });
      const id = newTaskId();
      const seq = await append(requested(id));
      await append(started(id));
      await takeNext(broker);
      for (const other of [newTaskId(), newTaskId()]) {
        await append(requested(other));
        await append(cancelled(other));
      }
      await using results = startResults(on);
      await eventually(() => startOf(writer).then((from) => from === seq));
      await eventually(() => results.said(remade) === 1);
    });

    test("a work queue that skips requests is made again, one that does not is left alone", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      const oldest = await threeTasks(writer);
      await ensureWorkQueue(writer.broker, other, { ackWaitMs });
      await writer.append(requested(newTaskId(), other), other);
      const { lastSeq } = await streamState(writer.broker, streams.events);
      await ensureWorkQueue(writer.broker, queue, {
        ackWaitMs,
        fromSeq: lastSeq + 100,
      });
      await using results = startResults(on);
      await eventually(() => startOf(writer).then((seq) => seq === oldest));
      await eventually(() => results.said(remade) === 1);
      assert.equal(await startOf(writer, other), undefined);
    });

    test("a stream that was deleted and made again is projected anew, and its work queues with it", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      await using redis = await openReader(on.redis.url);
      await using results = startResults(on);
      await threeTasks(writer);
      await assertProjected(writer.broker, redis.reader);
      await writer.broker.jsm.streams.delete(streams.events);
      await ensureTopology(writer.broker, settings);
      const oldest = await threeTasks(writer);
      await assertProjected(writer.broker, redis.reader);
      await eventually(() => results.said(lostTail));
      await eventually(() => startOf(writer).then((seq) => seq === oldest));
    });

    test("a broker that comes back with an older log is noticed, and no new request is skipped", async () => {
      await using on = await servers(version);
      await using writer = await openWriter(on.nats.url);
      await using redis = await openReader(on.redis.url);
      await using results = startResults(on);
      await ensureWorkQueue(writer.broker, queue, { ackWaitMs });
      const oldest = await threeTasks(writer);
      const store = join(on.nats.dataDir, "nats");
      const copy = join(on.nats.dataDir, "copy");
      await on.nats.kill("SIGTERM");
      await cp(store, copy, { recursive: true });
      await on.nats.restart();
      await eventually(() => writer.broker.connected);
      await eventually(() => writer.lives(300));
      await assertProjected(writer.broker, redis.reader);
      await on.nats.kill();
      await rm(store, { recursive: true });
      await cp(copy, store, { recursive: true });
      await on.nats.restart();
      await eventually(() => results.said(lostTail));
      await eventually(() => results.said(remade));
      await eventually(() => startOf(writer).then((seq) => seq === oldest));
      const late = newTaskId();
      await eventually(() => writer.append(requested(late)));
      await assertProjected(writer.broker, redis.reader);
      const [found] = await listWorkQueues(writer.broker);
      assert.ok(found);
      assert.deepEqual([found.pending, found.ackPending], [3, 0]);
    });
  });
