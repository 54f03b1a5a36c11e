import { makeBrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import { hearWake } from "@jetscribe/event-log/signals/signals";
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
  await using _results = startResults(on);
  const { broker } = writer;
  using clock = await makeBrokerClock(broker, "test");
  const told: { owner: string; at: number }[] = [];
  using _wake = hearWake(broker, "demo", ({ owner }) => {
    told.push({ owner, at: clock.nowS() });
  });
  const wakesOf = (owner: string) => told.filter((one) => one.owner === owner);
  const schedule = async (owner: string, inS: number) => {
    const not_before = clock.nowS() + inS;
    const of = owned(owner);
    await writer.append(requested(newTaskId(), { ...of, not_before }), of);
    // A stored request wakes its queue too: that does not count.
    await eventually(() => wakesOf(owner).length > 0);
    told.length = 0;
    return not_before;
  };
  await schedule("far", 600);
  const [late, soon] = [await schedule("late", 9), await schedule("soon", 6)];
  for (const [owner, time] of [
    ["soon", soon],
    ["late", late],
  ] as const) {
    await eventually(() => wakesOf(owner).length > 0);
    const [first, ...more] = wakesOf(owner);
    assert.ok(first && first.at >= time, `${owner} was woken early`);
    assert.deepEqual(more, []);
  }
  assert.deepEqual(wakesOf("far"), []);
});

test("a leader that comes later wakes all that are due, and none again", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  await using _results = startResults(on);
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
