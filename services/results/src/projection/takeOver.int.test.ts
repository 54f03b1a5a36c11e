import { hearProjections } from "@jetscribe/event-log/signals/signals";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  newTaskId,
  streams,
  type ProjectionAnnouncement,
} from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  assertProjected,
  completed,
  openReader,
  openWriter,
  requested,
  servers,
  startResults,
} from "../../test/resultsTestKit.ts";

test("of two instances exactly one leads; when it dies the other takes over", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  /** What each instance said last. */
  const heard = new Map<string, ProjectionAnnouncement>();
  using _hearing = hearProjections(writer.broker, (one) =>
    heard.set(one.instance, one),
  );

  await using first = startResults(on);
  await eventually(() => heard.size === 1);
  const [ofFirst = ""] = heard.keys();
  await eventually(() => first.said("projecting"));
  await using second = startResults(on);
  await eventually(() => heard.size === 2);
  await writer.lives(300);
  await assertProjected(writer.broker, redis.reader);
  const { lastSeq } = await streamState(writer.broker, streams.events);
  // The follower knows how far the leader is.
  await eventually(() =>
    [...heard.values()].every(
      ({ seq, caught_up }) => seq === lastSeq && caught_up,
    ),
  );
  // The lead of one that stood still for a while has gone to the other.
  const [leader] = await eventually(() => {
    const leaders = [...heard.values()].filter(({ leading }) => leading);
    return leaders.length === 1 && leaders;
  });
  const leads = leader?.instance === ofFirst ? first : second;
  const [id, later] = [newTaskId(), newTaskId()];
  const told = await redis.hearDone();
  for (const event of [requested(id), completed(id)])
    await writer.append(event);
  await eventually(() => told.includes(id));
  await leads.kill();
  for (const event of [requested(later), completed(later)])
    await writer.append(event);
  await eventually(() => told.includes(later));
  assert.deepEqual(told, [id, later]);
  await eventually(() =>
    [...heard.values()].some(
      ({ instance, leading }) => leading && instance !== leader?.instance,
    ),
  );
  await assertProjected(writer.broker, redis.reader);
});

test("a leader that leaves hands over, on an idle log too", async () => {
  await using on = await servers();
  await using first = startResults(on);
  await eventually(() => first.said("projecting"));
  await using second = startResults(on);
  await eventually(() => second.said("started"));
  await first.kill("SIGTERM");
  await eventually(() => second.said("projecting"));
});

test("a frozen leader loses the lead, and finds out when it goes on", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  await using first = startResults(on);
  await eventually(() => first.said("projecting"));
  await using second = startResults(on);
  await eventually(() => second.said("started"));
  process.kill(first.pid, "SIGSTOP");
  await eventually(() => second.said("projecting"));
  await writer.lives(300);
  await assertProjected(writer.broker, redis.reader);
  process.kill(first.pid, "SIGCONT");
  await eventually(() => first.said("another instance has taken over"));
  await writer.lives(300);
  await assertProjected(writer.broker, redis.reader);
});

test("two instances fill an emptied Redis once, whichever leads", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  await using _first = startResults(on);
  await using _second = startResults(on);
  for (let round = 0; round < 3; round++) {
    await writer.lives(600);
    await assertProjected(writer.broker, redis.reader);
    await redis.store.redis.flushall();
    await assertProjected(writer.broker, redis.reader);
  }
});
