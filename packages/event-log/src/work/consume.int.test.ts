import { streams, workConsumerName, type Queue } from "@jetscribe/schema";
import { eventually, natsVersions, testRandom } from "@jetscribe/testing";
import { nanos } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import { subscribe, type Broker } from "../broker/connection.ts";
import { makePuller, type PullEnd } from "../read/pull.ts";
import { consumeWork, type WorkItem, type WorkOptions } from "./consume.ts";
import type { Handled } from "./handled.ts";
import {
  openLog,
  queue,
  requestedBy,
  type Log,
} from "../../test/eventLogTestKit.ts";
import {
  ensureWorkQueue,
  remakeWorkQueue,
  setConcurrency,
  workQueueInfo,
} from "../streams/topology.ts";

/** Longer than any test: what was left in the air would not be back in time. */
const ackWaitMs = 600_000;
const owned = (owner: string): Queue => ({ ...queue, owner });
const batch: Queue = { ...queue, lane: "batch" };
const done: Handled = { kind: "done" };

/** A worker that notes what it was given, in order. */
function work(broker: Broker, options: Partial<WorkOptions> = {}) {
  const given: WorkItem[] = [];
  const givenUp: number[] = [];
  const { handle = () => Promise.resolve(done), ...rest } = options;
  const source = consumeWork(broker, {
    model: "demo",
    slots: () => 4,
    onDiscarded: (_because, seq) => givenUp.push(seq),
    onStuck: () => assert.fail("stuck"),
    // No test ends before the next look at all queues, so that none passes by it.
    listEveryMs: 600_000,
    handle: (item) => {
      given.push(item);
      return handle(item);
    },
    ...rest,
  });
  const ids = () => given.map(({ event }) => event.data.task_id);
  const owners = () => given.map(({ queue }) => queue.owner);
  return { ...source, given, givenUp, ids, owners };
}

/** Handlers that wait until they are told. */
function gate() {
  const held: ((handled: Handled) => void)[] = [];
  return {
    held,
    hold: () => new Promise<Handled>((resolve) => held.push(resolve)),
    release: (handled = done) => held.splice(0).forEach((one) => one(handled)),
  };
}

async function withQueues(log: Log, queues = [queue], waitMs = ackWaitMs) {
  for (const one of queues)
    await ensureWorkQueue(log.broker, one, { ackWaitMs: waitMs });
}

/** Nothing waits, and nothing is left without its acknowledgement. */
const settled = async ({ broker }: Log, of = queue) => {
  const { pending, ackPending } = (await workQueueInfo(broker, of)) ?? {};
  return pending === 0 && ackPending === 0;
};
const allSettled = (log: Log, of = queue) => eventually(() => settled(log, of));

const sorted = (ids: Iterable<string>) => [...ids].sort();

for (const version of await natsVersions())
  describe(`consumeWork, the ${version} nats-server`, () => {
    test("work comes in order with all that belongs to it, and is acknowledged when it is done", async () => {
      await using log = await openLog(version);
      await withQueues(log);
      const early = await log.request(10);
      await using worker = work(log.broker, { slots: () => 2 });
      await eventually(() => worker.given.length === 10);
      const traceparent =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      const event = requestedBy(queue);
      await log.appender.append(event, queue, { traceparent });
      await eventually(() => worker.given.length === 11);
      assert.deepEqual(worker.ids(), [...early, event.data.task_id]);
      const [old, fresh] = [worker.given[0], worker.given[10]];
      assert.deepEqual(fresh?.event.data, event.data);
      assert.deepEqual(fresh.queue, queue);
      assert.equal(fresh.traceparent, traceparent);
      assert.equal(old?.traceparent, undefined);
      // What stood there before the log was read first may have been run by anybody.
      assert.equal(old?.freshAsOf, undefined);
      assert.ok((fresh.freshAsOf ?? Infinity) < performance.now());
      assert.equal(fresh.highWaterMark?.lastSeq, 10);
      await allSettled(log);
      assert.deepEqual(worker.inHand(), []);
    });

    test("no more is in hand than there are slots; with more slots more comes", async () => {
      await using log = await openLog(version);
      await withQueues(log);
      const ids = await log.request(20);
      const { hold, held, release } = gate();
      let slots = 2;
      await using worker = work(log.broker, {
        slots: () => slots,
        handle: hold,
      });
      await eventually(() => held.length === 2);
      assert.deepEqual(worker.inHand(), ids.slice(0, 2));
      slots = 5;
      worker.pullWork();
      await eventually(() => held.length === 5);
      slots = 3;
      release();
      await eventually(() => held.length === 3);
      let most = 0;
      while (worker.given.length < 20 || held.length > 0) {
        release();
        await sleep(1);
        most = Math.max(most, worker.inHand().length);
      }
      assert.ok(most <= 3, String(most));
      assert.deepEqual(worker.ids(), ids);
      await allSettled(log);
    });

    test("who has left its slot makes room for another one; of these too no more are in hand than there are slots", async () => {
      await using log = await openLog(version);
      await withQueues(log);
      const { hold, held, release } = gate();
      await log.request(10);
      await using worker = work(log.broker, { slots: () => 2, handle: hold });
      await eventually(() => held.length === 2);
      const leave = (at: number) => worker.given[at]?.leaveSlot();
      leave(0);
      leave(0);
      await eventually(() => held.length === 3);
      leave(1);
      leave(2);
      await eventually(() => held.length === 4);
      const { ackPending } = (await workQueueInfo(log.broker, queue)) ?? {};
      assert.equal(ackPending, 4);
      // One of those that left is done: as many are in hand again.
      held.shift()?.(done);
      await eventually(() => worker.given.length === 5);
      release();
      await eventually(() => worker.given.length === 7);
      assert.equal(worker.inHand().length, 2);
    });

    test("what comes without a free slot is handed back at once", async () => {
      await using log = await openLog(version);
      const queues = ["a", "b", "c", "d"].map(owned);
      await withQueues(log, queues);
      let most = 0;
      await using worker = work(log.broker, {
        slots: () => 1,
        handle: () => {
          most = Math.max(most, worker.inHand().length);
          return sleep(20, done);
        },
      });
      const before: string[] = [];
      for (const one of queues) before.push(...(await log.request(1, one)));
      await eventually(() => worker.given.length === 4);
      // One slot, and a standing pull on each of them.
      const waiting = async (one: Queue) =>
        (
          await log.broker.jsm.consumers.info(
            streams.events,
            workConsumerName(one),
          )
        ).num_waiting === 1;
      await eventually(async () =>
        (await Promise.all(queues.map(waiting))).every(Boolean),
      );
      const ids = (
        await Promise.all(queues.map((one) => log.request(1, one)))
      ).flat();
      await eventually(() => worker.given.length === 8);
      assert.deepEqual(sorted(worker.ids()), sorted([...before, ...ids]));
      assert.equal(most, 1);
      for (const one of queues) await allSettled(log, one);
    });

    test("what becomes of it: done, retry, lost", async () => {
      await using log = await openLog(version);
      const queues = ["a", "b", "c"].map(owned);
      const ackWaitMs = 6_000;
      await withQueues(log, queues, ackWaitMs);
      const answers: Record<string, Handled> = {
        a: done,
        b: { kind: "retry", afterMs: 400 },
        c: { kind: "lost" },
      };
      const requested = new Map<string, number>();
      const times = new Map<string, number[]>();
      /** Whose work was given a second time, in order. */
      const second: string[] = [];
      await using _worker = work(log.broker, {
        handle: ({ queue: { owner } }) => {
          const before = times.get(owner) ?? [];
          times.set(owner, [...before, performance.now()]);
          if (before.length > 0) second.push(owner);
          return Promise.resolve(
            (before.length === 0 && answers[owner]) || done,
          );
        },
      });
      for (const one of queues) {
        requested.set(one.owner, performance.now());
        await log.request(1, one);
      }
      for (const one of queues) await allSettled(log, one);
      const gaps = Object.fromEntries(
        [...times].map(([owner, [, second]]) => [
          owner,
          second && second - (requested.get(owner) ?? NaN),
        ]),
      );
      assert.equal(gaps.a, undefined);
      assert.ok(gaps.b && gaps.b >= 390, `retried after ${gaps.b} ms`);
      assert.ok(
        gaps.c && gaps.c >= ackWaitMs - 100,
        `lost and back after ${gaps.c} ms`,
      );
      // A retry comes at its own time, not at that of a lost delivery.
      assert.deepEqual(second, ["b", "c"]);
    });

    test("renewed, it stays where it is past its ack_wait", async () => {
      await using log = await openLog(version);
      await withQueues(log, [queue], 8_000);
      const renewing = async (item: WorkItem) => {
        for (let at = 0; at < 18; at++) {
          await sleep(500);
          await item.renew(60_000);
        }
        return done;
      };
      await using first = work(log.broker, { handle: renewing });
      await log.request(1);
      await eventually(() => first.given.length === 1);
      await using second = work(await log.connect());
      await allSettled(log);
      assert.deepEqual([first.given.length, second.given.length], [1, 0]);
    });

    test("its own running task once more is not run twice, and the last delivery is acknowledged", async () => {
      await using log = await openLog(version);
      await withQueues(log, [queue], 2_000);
      const { hold, held, release } = gate();
      await using worker = work(log.broker, { handle: hold });
      const { promise: sentAgain, resolve } = Promise.withResolvers<void>();
      const second = `.${workConsumerName(queue)}.2.`;
      const other = await log.connect();
      subscribe(other, "_INBOX.>", ({ reply = "" }) => {
        if (reply.includes(second)) resolve();
      });
      await other.nc.flush();
      await log.request(1);
      await eventually(() => held.length === 1);
      await sentAgain;
      await log.broker.jsm.consumers.update(
        streams.events,
        workConsumerName(queue),
        { ack_wait: nanos(ackWaitMs) },
      );
      // Behind the answer no delivery is on its way, and none is sent any more.
      await worker.given[0]?.renew(60_000);
      release();
      await allSettled(log);
      assert.equal(worker.given.length, 1);
    });

    test("garbage is discarded, told, and in nobody's way", async () => {
      await using log = await openLog(version);
      await withQueues(log);
      await using worker = work(log.broker, { slots: () => 1 });
      const js = log.broker.nc;
      for (const body of ["{", "{}", '{"task_id":5}', ""])
        await js.request("llm.events.requested.demo.interactive.a", body, {
          timeout: 60_000,
        });
      const [id] = await log.request(1);
      await eventually(() => worker.given.length === 1);
      assert.deepEqual([worker.ids(), worker.givenUp], [[id], [1, 2, 3, 4]]);
      await allSettled(log);
    });

    test("owners take turns, also against one who sends all the time; the batch lane gets its share and no more", async () => {
      await using log = await openLog(version);
      const queues = [owned("a"), owned("b"), owned("c"), batch];
      await withQueues(log, queues);
      await log.request(40, owned("a"));
      await log.request(8, owned("b"));
      await log.request(20, batch);
      await using worker = work(log.broker, {
        slots: () => 1,
        handle: async ({ queue: { lane }, served }) => {
          served(10);
          if (lane === "interactive" && worker.given.length < 30)
            await log.request(1, owned("c"));
          return done;
        },
      });
      for (const one of queues) await allSettled(log, one);
      const turns = worker.given.map(({ queue: { lane, owner } }) =>
        lane === "batch" ? "-" : owner,
      );
      const count = (who: string, among: number) =>
        turns.slice(0, among).filter((one) => one === who).length;
      for (const owner of ["a", "b", "c"])
        assert.ok(
          count(owner, 27) >= 6,
          `${owner} had ${count(owner, 27)} of 27 turns: ${turns.join("")}`,
        );
      // Others wait during all of these.
      const ofBatch = count("-", 60);
      assert.ok(
        ofBatch >= 4 && ofBatch <= 8,
        `the batch lane had ${ofBatch} of 60 turns: ${turns.join("")}`,
      );
    });

    test("tokens count and not tasks; what was not computed is not counted", async () => {
      await using log = await openLog(version);
      const queues = [owned("a"), owned("b")];
      await withQueues(log, queues);
      await log.request(60, owned("a"));
      await log.request(60, owned("b"));
      const tokens = new Map([
        ["a", 10],
        ["b", 40],
      ]);
      await using worker = work(log.broker, {
        slots: () => 1,
        handle({ queue: { owner }, served }) {
          // More and then less, as an estimate is corrected.
          served(1_000);
          served(tokens.get(owner) ?? 0);
          return Promise.resolve(done);
        },
      });
      for (const one of queues) await allSettled(log, one);
      const ofB = worker
        .owners()
        .slice(0, 50)
        .filter((owner) => owner === "b").length;
      assert.ok(ofB >= 8 && ofB <= 12, worker.owners().join(""));
    });

    test("a prompt that is not run counts by its length", async () => {
      await using log = await openLog(version);
      const queues = [owned("a"), owned("b")];
      await withQueues(log, queues);
      const prompt = "x".repeat(9 * 4_096);
      for (let i = 0; i < 20; i++)
        await log.append(requestedBy(owned("a"), { prompt }), owned("a"));
      await log.request(60, owned("b"));
      await using worker = work(log.broker, { slots: () => 1 });
      for (const one of queues) await allSettled(log, one);
      const ofA = worker
        .owners()
        .slice(0, 50)
        .filter((owner) => owner === "a").length;
      assert.ok(ofA >= 3 && ofA <= 8, worker.owners().join(""));
    });

    test("a queue that is made later is found by its first wake-up", async () => {
      await using log = await openLog(version);
      await using worker = work(log.broker);
      await log.broker.nc.flush();
      await withQueues(log, [owned("new")]);
      await log.request(1, owned("new"));
      await eventually(() => worker.given.length === 1);
    });

    test("a consumer that is deleted and made again goes on", async () => {
      await using log = await openLog(version);
      await withQueues(log);
      await using worker = work(log.broker, { listEveryMs: 0 });
      await log.request(3);
      await allSettled(log);
      await log.broker.jsm.consumers.delete(
        streams.events,
        workConsumerName(queue),
      );
      await log.request(1);
      await ensureWorkQueue(log.broker, queue, { ackWaitMs, fromSeq: 4 });
      // Found by the next sweep, or once a pull that nobody answers is given up.
      await eventually(() => worker.given.length === 4);
      await log.request(1);
      await eventually(() => worker.given.length === 5);
      await allSettled(log);
    });

    test("it goes on by itself, and at once, when the broker was killed", async () => {
      await using log = await openLog(version);
      await withQueues(log, [queue], 2_000);
      const before = await log.request(300);
      await using worker = work(log.broker, { handle: () => sleep(5, done) });
      await eventually(() => worker.given.length > 50);
      await log.nats.kill("SIGKILL");
      await log.nats.restart();
      // Without a wake-up.
      await eventually(() => new Set(worker.ids()).size > 290);
      const after = await log.request(100);
      await allSettled(log);
      assert.deepEqual(
        sorted(new Set(worker.ids())),
        sorted([...before, ...after]),
      );
    });

    test("what a broker gives after a crash is never called fresh by an older reading", async () => {
      await using log = await openLog(version);
      // A delivery that was handed back, which the crash may forget, comes again after this.
      await withQueues(log, [queue], 5_000);
      let slots = 1;
      await using worker = work(log.broker, { slots: () => slots });
      await eventually(async () => {
        await log.request(1);
        return worker.given.some(({ freshAsOf }) => freshAsOf !== undefined);
      });
      await allSettled(log);
      slots = 0;
      const [id] = await log.request(1);
      await eventually(async () => !(await settled(log)));
      await log.nats.kill("SIGKILL");
      await log.nats.restart();
      slots = 1;
      await log.broker.whenConnected();
      const again = await eventually(() =>
        worker.given.find(({ event }) => event.data.task_id === id),
      );
      assert.equal(again.freshAsOf, undefined);
    });

    test("of a group as many are in hand as may run, over all workers, in their order; full ones are in no other's way", async () => {
      await using log = await openLog(version);
      const groups = ["g", "h"].map((group) => ({ ...owned("a"), group }));
      const [g = queue, h = queue] = groups;
      await ensureWorkQueue(log.broker, g, { ackWaitMs, concurrency: 1 });
      await ensureWorkQueue(log.broker, h, { ackWaitMs, concurrency: 2 });
      await withQueues(log);
      const ids = await log.request(6, g);
      await log.request(6, h);
      const { hold, held, release } = gate();
      const given: WorkItem[] = [];
      const handle = (item: WorkItem) => {
        given.push(item);
        return hold();
      };
      const of = (group?: string) =>
        given
          .filter(({ queue }) => queue.group === group)
          .map(({ event }) => event.data.task_id);
      await using _one = work(log.broker, { handle });
      await using _two = work(await log.connect(), { handle });
      await eventually(() => held.length === 3);
      // What is full keeps no slot from others.
      await log.request(3);
      await eventually(() => of().length === 3);
      assert.deepEqual([of("g").length, of("h").length], [1, 2]);
      const most = async (group: Queue) =>
        (await workQueueInfo(log.broker, group))?.ackPending ?? 0;
      while (given.length < 15) {
        release();
        await sleep(5);
        assert.ok((await most(g)) <= 1 && (await most(h)) <= 2);
      }
      release();
      // `request` stores several at once, in their order.
      assert.deepEqual(of("g"), ids);
      for (const each of [...groups, queue]) await allSettled(log, each);
    });

    test("a group whose worker is gone goes on with the same task, after ack_wait", async () => {
      await using log = await openLog(version);
      const group = { ...queue, group: "g" };
      await ensureWorkQueue(log.broker, group, {
        ...{ ackWaitMs: 1_000, concurrency: 1 },
      });
      const ids = await log.request(2, group);
      const lost: Handled = { kind: "lost" };
      await using one = work(log.broker, {
        handle: () => Promise.resolve(lost),
      });
      await eventually(() => one.given.length > 0);
      await one.stop();
      await using two = work(await log.connect(), { sweepEveryMs: 200 });
      const order = () => [...new Set(two.ids())];
      await eventually(() => order().length === 2);
      assert.deepEqual(order(), ids);
      await allSettled(log, group);
    });

    test("a full group is not taken for work that is stuck", async () => {
      await using log = await openLog(version);
      const group = { ...queue, group: "g" };
      await ensureWorkQueue(log.broker, group, { ackWaitMs, concurrency: 1 });
      await log.request(3, group);
      const { hold, held, release } = gate();
      let reconnects = 0;
      log.broker.onReconnect(() => reconnects++);
      await using worker = work(log.broker, {
        ...{ sweepEveryMs: 50, stuckAfterMs: 200, listEveryMs: 0 },
        handle: hold,
      });
      await eventually(() => held.length === 1);
      await sleep(1_000);
      assert.equal(reconnects, 0);
      await eventually(() => {
        release();
        return worker.given.length === 3;
      });
      release();
    });

    test("a group's queue that is made again lets as many run as its newest request says", async () => {
      await using log = await openLog(version);
      const group = { ...queue, group: "g" };
      const limit = async () =>
        (await workQueueInfo(log.broker, group))?.maxAckPending;
      await ensureWorkQueue(log.broker, group, { ackWaitMs });
      assert.equal(await limit(), 1);
      await setConcurrency(log.broker, group, 4);
      assert.equal(await limit(), 4);
      const event = requestedBy(group);
      event.data.group_concurrency = 3;
      await log.append(event, group);
      await remakeWorkQueue(log.broker, group, { ackWaitMs, fromSeq: 1 });
      assert.equal(await limit(), 3);
    });

    test("stopping takes no more, waits for what is in hand, and leaves the rest to others", async () => {
      await using log = await openLog(version);
      await withQueues(log);
      const ids = await log.request(10);
      const { hold, held, release } = gate();
      await using worker = work(log.broker, { slots: () => 2, handle: hold });
      await eventually(() => held.length === 2);
      let stopped = false;
      const stopping = worker.stop().then(() => (stopped = true));
      await using other = work(await log.connect());
      await eventually(() => other.given.length === 8);
      assert.equal(stopped, false);
      assert.deepEqual(worker.inHand(), ids.slice(0, 2));
      release();
      await stopping;
      assert.deepEqual([worker.given.length, worker.inHand()], [2, []]);
      await allSettled(log);
    });

    test("before the inbox of pulls is given up, those that take only what is there are answered", async () => {
      await using log = await openLog(version);
      const group: Queue = { ...queue, group: "g" };
      await ensureWorkQueue(log.broker, group, { ackWaitMs, concurrency: 1 });
      await log.request(2, group);
      using puller = makePuller(log.broker);
      const ends: PullEnd[] = [];
      const pull = (waits: { upToMs?: number; expiresMs?: number }) => {
        const consumer = workConsumerName(group);
        const request = { stream: streams.events, consumer, batch: 1 };
        puller.pull({ ...request, ...waits }, { onDelivery: () => undefined, onEnd: (end) => ends.push(end) }); // prettier-ignore
      };
      pull({});
      await eventually(() => ends.length === 1);
      // The group is full: the broker answers when the pull's time is over.
      pull({ upToMs: 300 });
      pull({ expiresMs: 60_000 });
      await puller.drain();
      assert.deepEqual(ends, ["full", "empty", "lost"]);
    });

    test("workers that come and go leave no delivery behind", async () => {
      await using log = await openLog(version);
      const queues = [owned("a"), owned("b"), batch];
      await withQueues(log, queues);
      const given = new Set<string>();
      const handle = async ({ event }: WorkItem) => {
        given.add(event.data.task_id);
        await sleep(event.seq % 3);
        return done;
      };
      const wanted: string[] = [];
      for (let round = 0; round < 25; round++) {
        const worker = work(log.broker, { slots: () => 3, handle });
        for (const one of queues) wanted.push(...(await log.request(20, one)));
        await worker.stop();
        await worker[Symbol.asyncDispose]();
      }
      await using _last = work(log.broker, { slots: () => 16, handle });
      for (const one of queues) await allSettled(log, one);
      assert.deepEqual(sorted(given), sorted(wanted));
    });

    test("pulls don't pile up on the broker", async () => {
      await using log = await openLog(version);
      const queues = ["a", "b", "c", "d", "e", "f"].map(owned);
      await withQueues(log, queues);
      await using worker = work(log.broker, { slots: () => 8 });
      const random = testRandom();
      const most = new Map<string, number>();
      await log.request(1, owned("a"));
      for (let round = 0; round < 60; round++) {
        for (const one of queues) {
          const { num_waiting } = await log.broker.jsm.consumers.info(
            streams.events,
            workConsumerName(one),
          );
          most.set(one.owner, Math.max(num_waiting, most.get(one.owner) ?? 0));
          if (random.chance(0.1)) await log.request(1, one);
        }
        await sleep(50);
      }
      assert.ok(Math.max(...most.values()) <= 1, JSON.stringify([...most]));
      await eventually(() => worker.given.length > 0);
    });

    test("pulls that get lost are made anew, then the connection, and at last it is said that nothing helps", async () => {
      await using log = await openLog(version);
      await withQueues(log);
      // The client sends no pull any more, as if the broker had lost its interest in us.
      const { nc } = log.broker;
      const publish = nc.publish.bind(nc);
      let deaf = false;
      nc.publish = (subject, ...rest) => {
        const isPull = subject.startsWith("$JS.API.CONSUMER.MSG.NEXT.EVENTS");
        if (!(deaf && isPull)) publish(subject, ...rest);
      };
      let reconnects = 0;
      log.broker.onReconnect(() => reconnects++);
      let stuck = 0;
      await using worker = work(log.broker, {
        ...{ sweepEveryMs: 100, stuckAfterMs: 300, listEveryMs: 0 },
        onStuck: () => void stuck++,
      });
      await log.request(3);
      await eventually(() => worker.given.length === 3);
      deaf = true;
      await log.request(40); // more than the pulls that stand already
      await eventually(() => stuck > 0);
      assert.ok(worker.given.length < 43);
      assert.ok(reconnects > 0);
      deaf = false;
      await eventually(() => worker.given.length === 43);
    });
  });
