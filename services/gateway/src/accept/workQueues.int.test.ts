import { makeAppender } from "@jetscribe/event-log/append/append";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import {
  sendGroupChanged,
  subscribed,
} from "@jetscribe/event-log/signals/signals";
import { scan } from "@jetscribe/event-log/read/readLog";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  ensureTopology,
  removeWorkQueue,
  workQueueInfo,
  workQueueNames,
} from "@jetscribe/event-log/streams/topology";
import { newTaskId, streams, type Queue } from "@jetscribe/schema";
import {
  eventually,
  natsVersions,
  startNats,
  type NatsVersion,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import { ApiError } from "../apiError.ts";
import { makeWorkQueues } from "./workQueues.ts";

const queueOf = (owner: string): Queue => ({
  ...{ model: "demo", lane: "interactive", owner },
});
const settings = {
  ...{ eventsMaxAgeMs: 3_600_000, eventsMaxBytes: 2 ** 28 },
  ...{ taskTimeoutMs: 60_000, replicas: 1 },
  ...{ auditMaxAgeMs: 3_600_000, auditMaxBytes: 2 ** 24 },
};

/** `mostConsumers`: the broker makes no more. */
async function open(version: NatsVersion, mostConsumers?: number) {
  await using opened = new AsyncDisposableStack();
  const nats = opened.use(await startNats({ version }));
  const broker = opened.use(
    await connectBroker({ url: nats.url, name: "test" }),
  );
  await ensureTopology(broker, settings);
  if (mostConsumers !== undefined) {
    const { config } = await broker.jsm.streams.info(streams.events);
    await broker.jsm.streams.delete(streams.events);
    await broker.jsm.streams.add({ ...config, max_consumers: mostConsumers });
  }
  const appender = opened.use(makeAppender(broker, "test"));
  /** What the projection says; undefined: Redis is away. */
  const projection: {
    seq?: number;
    oldestOpen?: number;
  } = {};
  const { created } = await streamState(broker, streams.events);
  const reader = {
    async startOf() {
      await Promise.resolve();
      const { seq, oldestOpen } = projection;
      if (seq === undefined) throw new Error("Redis is away");
      return { created, asOf: seq, fromSeq: oldestOpen ?? seq + 1 };
    },
  };
  const queues = opened.use(
    makeWorkQueues(broker, reader, { ackWaitMs: 15_000 }),
  );
  async function request(owner: string): Promise<number> {
    const [queue, task_id] = [queueOf(owner), newTaskId()];
    const times = { timeout_ms: 60_000, start_timeout_ms: 60_000 };
    const data = {
      ...{ task_id, ...queue, ...times, prompt: "a prompt" },
      params: { max_tokens: 16, temperature: 0.7, top_p: 0.9 },
      enqueue_time: Date.now() / 1_000,
    };
    const event = { type: "GenerateRequested" as const, data };
    return (await appender.append(event, queue)).seq;
  }
  const all = opened.move();
  return {
    ...{ broker, queues, projection, request },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A projection that can't say anything. */
const readsNothing = { startOf: () => Promise.resolve(undefined) };

/** How often the broker is asked about a consumer from now on. */
function countQuestions({ jsm: { consumers } }: Broker): () => number {
  let asked = 0;
  const info = consumers.info.bind(consumers);
  consumers.info = (...about) => {
    asked++;
    return info(...about);
  };
  return () => asked;
}

for (const version of await natsVersions())
  describe(`work queues on demand, the ${version} nats-server`, () => {
    test("one that was removed begins behind what has ended, or at its oldest open request", async () => {
      await using opened = await open(version);
      const { broker, queues, projection, request } = opened;
      for (let i = 0; i < 5; i++) await request("a");
      const pending = async (owner: string) =>
        (await workQueueInfo(broker, queueOf(owner)))?.pending;
      projection.seq = 3;
      await queues.ensure(queueOf("a"));
      assert.equal(await pending("a"), 2);
      projection.oldestOpen = 2;
      await request("b");
      await request("b");
      await removeWorkQueue(broker, queueOf("a"));
      await using later = await connectBroker({
        ...{ url: broker.nc.getServer(), name: "test" },
      });
      using others = makeWorkQueues(later, readsNothing, { ackWaitMs: 15_000 });
      // While the projection can't say, all that the log has is delivered again: each is looked up.
      await others.ensure(queueOf("a"));
      assert.equal(await pending("a"), 5);
      await queues.ensure(queueOf("b"));
      assert.equal(await pending("b"), 2);
    });

    test("one that is there is asked for once, a group's too", async () => {
      await using opened = await open(version);
      const { broker, queues } = opened;
      const asked = countQuestions(broker);
      const group = { ...queueOf("a"), group: "g" };
      for (const queue of [queueOf("a"), group]) {
        await Promise.all([1, 2, 3].map(() => queues.ensure(queue, 4)));
        const once = asked();
        await queues.ensure(queue, 4);
        assert.equal(asked(), once);
      }
    });

    test("a group's newest task decides, also after one that another gateway took", async () => {
      await using opened = await open(version);
      const { broker, queues } = opened;
      await using later = await connectBroker({
        ...{ url: broker.nc.getServer(), name: "test" },
      });
      using others = makeWorkQueues(later, readsNothing, { ackWaitMs: 15_000 });
      const group = { ...queueOf("a"), group: "g" };
      const concurrency = async () =>
        (await workQueueInfo(broker, group))?.maxAckPending;
      await Promise.all([subscribed(broker), subscribed(later)]);
      await queues.ensure(group, 4);
      await others.ensure(group, 2);
      assert.equal(await concurrency(), 2);
      // Until the first one has heard of it.
      await eventually(async () => {
        await queues.ensure(group, 4);
        return (await concurrency()) === 4;
      });
      // At once, by one gateway: in their order.
      await Promise.all([3, 5, 1, 4].map((most) => queues.ensure(group, most)));
      assert.equal(await concurrency(), 4);
    });

    test("of gateways that make a group at once the last one decides too", async () => {
      await using opened = await open(version);
      const { broker, queues } = opened;
      await using later = await connectBroker({
        ...{ url: broker.nc.getServer(), name: "test" },
      });
      using others = makeWorkQueues(later, readsNothing, { ackWaitMs: 15_000 });
      const group = { ...queueOf("a"), group: "g" };
      const { consumers } = later.jsm;
      const info = consumers.info.bind(consumers);
      // The other one is faster, right after it was seen that there is none.
      consumers.info = async (...about) => {
        consumers.info = info;
        const looked = await Promise.allSettled([info(...about)]);
        await queues.ensure(group, 4);
        assert.equal(looked[0].status, "rejected");
        throw looked[0].reason;
      };
      await others.ensure(group, 2);
      assert.equal((await workQueueInfo(broker, group))?.maxAckPending, 2);
    });

    test("a group's tasks keep their order while another gateway tells of a change", async () => {
      await using opened = await open(version);
      const { broker, queues } = opened;
      await using other = await connectBroker({
        ...{ url: broker.nc.getServer(), name: "test" },
      });
      const group = { ...queueOf("a"), group: "g" };
      await queues.ensure(group, 4);
      const { consumers } = broker.jsm;
      const update = consumers.update.bind(consumers);
      const held = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      consumers.update = async (...about) => {
        consumers.update = update;
        begun.resolve();
        await held.promise;
        return await update(...about);
      };
      const older = queues.ensure(group, 5);
      await begun.promise;
      await subscribed(broker);
      sendGroupChanged(other, group);
      await subscribed(other);
      await subscribed(broker);
      // Each new queue has those forgotten that are out of date.
      await queues.ensure(queueOf("b"));
      const newer = queues.ensure(group, 7);
      // One that did not wait would be done by then.
      await Promise.race([newer, sleep(300)]);
      held.resolve();
      await Promise.all([older, newer]);
      assert.equal((await workQueueInfo(broker, group))?.maxAckPending, 7);
    });

    test("at the broker's limit a new queue is a 503 that names it; queues that are there go on, and readers find room", async () => {
      await using opened = await open(version, 20);
      const { broker, queues } = opened;
      const owners = Array.from({ length: 18 }, (_, i) => `o${i}`);
      for (const owner of owners) await queues.ensure(queueOf(owner));
      await assert.rejects(
        queues.ensure(queueOf("late")),
        (error) =>
          error instanceof ApiError &&
          error.code === "unavailable" &&
          error.facts.limit?.name === "max_consumers" &&
          error.facts.limit.value === 20,
      );
      await queues.ensure(queueOf("o3"));
      const reading = { stream: streams.events, from: { seq: 1 } };
      await scan(broker, reading, () => false);
      await removeWorkQueue(broker, queueOf("o0"));
      await queues.ensure(queueOf("late"));
      assert.equal((await workQueueNames(broker)).length, 18);
    });

    test("groups take half of the broker's room at most: queues without one are made all the same", async () => {
      await using opened = await open(version, 20);
      const { queues } = opened;
      const groupOf = (group: string) => ({ ...queueOf("a"), group });
      const names = Array.from({ length: 10 }, (_, i) => `g${i}`);
      for (const name of names) await queues.ensure(groupOf(name));
      await assert.rejects(
        queues.ensure(groupOf("late")),
        (error) =>
          error instanceof ApiError &&
          error.code === "unavailable" &&
          error.facts.limit?.name === "max_consumers",
      );
      await queues.ensure(groupOf("g3"));
      await queues.ensure(queueOf("b"));
    });
  });
