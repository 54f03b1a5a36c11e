/** Dropping finished history takes nothing from the work queues, in whatever state their tasks are. */
import { streams, workConsumerName, type Queue } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import { nanos } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import type { Broker } from "../broker/connection.ts";
import { makePuller, type Delivery, type Puller } from "../read/pull.ts";
import { firstSeqSince } from "../read/readLog.ts";
import { purgeEventsBefore, streamState } from "../broker/streamState.ts";
import {
  cancelled,
  completed,
  openLog,
  queue,
  requestedBy,
  type Log,
} from "../../test/eventLogTestKit.ts";
import { ensureWorkQueue, workQueueInfo } from "./topology.ts";

const ackWaitMs = 5_000;
const other: Queue = { ...queue, owner: "b" };
/** Its worker holds the lease for longer than the test may take. */
const held: Queue = { ...queue, owner: "c" };

/** The sequence of a new request. */
const request = async (log: Log, of: Queue) => {
  const event = requestedBy(of);
  const seq = await log.append(event, of);
  return { id: event.data.task_id, seq };
};

const take = (puller: Puller, of: Queue, batch: number) =>
  new Promise<Delivery[]>((resolve) => {
    const taken: Delivery[] = [];
    puller.pull(
      { stream: streams.events, consumer: workConsumerName(of), batch },
      {
        onDelivery: (delivery) => taken.push(delivery),
        onEnd: () => resolve(taken),
      },
    );
  });

const answer = ({ nc }: Broker, delivery: Delivery | undefined, word: string) =>
  nc.publish(delivery?.reply ?? "", word);

for (const version of await natsVersions())
  describe(`a purge, the ${version} nats-server`, () => {
    test("takes nothing from tasks that run, wait, were handed back, or whose worker died", async () => {
      await using log = await openLog(version);
      const { broker, append } = log;
      await ensureWorkQueue(broker, queue, { ackWaitMs });
      await ensureWorkQueue(broker, other, { ackWaitMs });
      await ensureWorkQueue(broker, held, { ackWaitMs: 600_000 });
      using puller = makePuller(broker);

      const finished = [
        await request(log, queue),
        await request(log, queue),
        await request(log, queue),
        await request(log, held),
      ];
      const undelivered = await request(log, other);
      const open = [
        await request(log, held),
        await request(log, queue),
        await request(log, queue),
      ];
      const [, runs] = await take(puller, held, 2);
      const [acked, unacked, handedBack, comesAgain, workerDied] = await take(
        puller,
        queue,
        5,
      );
      const waits = [await request(log, queue), await request(log, other)];

      // The first is done as usual; of the second the worker died before its ack; the third was handed back.
      for (const { id } of finished) await append(completed(id));
      answer(broker, acked, "+ACK");
      answer(broker, handedBack, `-NAK {"delay": ${nanos(1_000)}}`);
      await append(cancelled(undelivered.id), other);
      answer(broker, comesAgain, `-NAK {"delay": ${nanos(500)}}`);
      assert.ok(unacked && workerDied);
      await broker.nc.flush();

      const oldest = open[0]?.seq ?? 0;
      assert.equal(runs?.seq, oldest);
      await purgeEventsBefore(broker, oldest);
      assert.equal(
        (await streamState(broker, streams.events)).firstSeq,
        oldest,
      );

      // All that is open comes, and nothing that was dropped; the one that runs doesn't come.
      const came = new Map<number, Delivery>();
      const expected = [open[1], open[2], ...waits].map((one) => one?.seq ?? 0);
      await eventually(
        async () => {
          for (const one of [queue, other, held])
            for (const delivery of await take(puller, one, 10))
              came.set(delivery.seq, delivery);
          return expected.every((seq) => came.has(seq));
        },
        { everyMs: 100 },
      );
      assert.deepEqual([...came.keys()].toSorted(), expected.toSorted());
      for (const delivery of [runs, ...came.values()])
        answer(broker, delivery, "+ACK");
      const ackPending = async (of: Queue) =>
        (await workQueueInfo(broker, of))?.ackPending;
      for (const one of [queue, other])
        await eventually(async () => (await ackPending(one)) === 0);
      // nats-server 2.9 holds what was dropped until its time is over.
      await eventually(async () => Number(await ackPending(held)) <= 1);

      // So it is after a restart of the broker.
      await log.nats.restart();
      await broker.whenConnected();
      const next = [await request(log, queue), await request(log, other)];
      for (const [i, of] of [queue, other].entries()) {
        const later = await eventually(async () => {
          const taken = await take(puller, of, 10);
          return taken.length > 0 && taken.map(({ seq }) => seq);
        });
        assert.deepEqual(later, [next[i]?.seq]);
      }
    });

    test("the first message of a time is found; of one without messages, what comes next", async () => {
      await using log = await openLog(version);
      const first = (timeMs: number) =>
        firstSeqSince(log.broker, streams.events, timeMs);
      assert.equal(await first(0), 1);
      await log.request(3);
      const { firstTimeMs } = await streamState(log.broker, streams.events);
      const between = await eventually(() => {
        const now = Date.now();
        return now > firstTimeMs + 50 && now;
      });
      await log.request(3);
      assert.equal(await first(firstTimeMs - 60_000), 1);
      assert.equal(await first(between), 4);
      assert.equal(await first(Date.now() + 60_000), 7);
    });
  });
