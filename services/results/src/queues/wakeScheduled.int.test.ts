import { makeBrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import { hearWake } from "@jetscribe/event-log/signals/signals";
import { ensureWorkQueue } from "@jetscribe/event-log/streams/topology";
import { newTaskId } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  openReader,
  openWriter,
  queue,
  requested,
  servers,
  startResults,
} from "../../test/resultsTestKit.ts";
import { wakeScheduled } from "./wakeScheduled.ts";

const owned = (owner: string) => ({ ...queue, owner });

test("the leader wakes each queue once, at the time of its scheduled task", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using results = startResults(on);
  await eventually(() => results.said("projecting"));
  const { broker } = writer;
  using clock = await makeBrokerClock(broker, "test");
  const told: { owner: string; at: number }[] = [];
  using _wake = hearWake(broker, "demo", ({ owner }) => {
    told.push({ owner, at: clock.nowS() });
  });
  const toldOf = (wanted: string) =>
    told.filter(({ owner }) => owner === wanted);
  const schedule = async (owner: string, inS: number) => {
    const of = owned(owner);
    // Or the results service finds that there is none, and wakes it once it has made one.
    await ensureWorkQueue(broker, of, { ackWaitMs: 30_000 });
    const not_before = clock.nowS() + inS;
    await writer.append(requested(newTaskId(), { ...of, not_before }), of);
    return not_before;
  };
  const [soon, late] = [await schedule("soon", 8), await schedule("late", 9)];
  await schedule("far", 600);
  // The first of each is of the request's publish.
  for (const owner of ["soon", "late"])
    await eventually(() => toldOf(owner).length > 1);
  for (const [owner, time] of [
    ["soon", soon],
    ["late", late],
  ] as const) {
    const [, second, ...more] = toldOf(owner);
    // What was read of the broker's clock, here and there, is exact to a quarter of a second each.
    assert.ok(second && second.at >= time - 0.5, `${owner} was woken early`);
    assert.deepEqual(more, []);
  }
  assert.equal(toldOf("far").length, 1);
});

test("a leader that comes later wakes all that are due, and none again", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  await using results = startResults(on);
  const { broker } = writer;
  using clock = await makeBrokerClock(broker, "test");
  const of = owned("due");
  const not_before = clock.nowS() - 5;
  const seq = await writer.append(
    requested(newTaskId(), { ...of, not_before }),
    of,
  );
  await eventually(async () => {
    const { checkpoint } = await redis.reader.look([]);
    return (checkpoint?.seq ?? 0) >= seq;
  });
  await results.kill(); // it wakes queues too
  const told: string[] = [];
  const job = wakeScheduled({ broker, clock, reader: redis.reader });
  using _wake = hearWake(broker, "demo", ({ owner }) => void told.push(owner));
  await broker.nc.flush();
  const look = async () => {
    told.length = 0;
    await job.look(new AbortController().signal);
    await broker.nc.flush();
    return told.filter((owner) => owner === "due").length;
  };
  assert.equal(await look(), 1);
  assert.equal(await look(), 0);
  job.onTick?.(false);
  assert.equal(await look(), 1);
  assert.equal(job.everyMs, 1_000);
});

test("tasks a moment apart cost no look for each of them", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  const { broker } = writer;
  using clock = await makeBrokerClock(broker, "test");
  const job = wakeScheduled({
    ...{ broker, clock },
    reader: {
      due: (_after, upTo) => Promise.resolve({ queues: [], next: upTo + 1e-4 }),
    },
  });
  await job.look(new AbortController().signal);
  assert.ok(job.everyMs >= 10);
});
