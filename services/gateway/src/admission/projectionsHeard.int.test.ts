import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { announceProjection } from "@jetscribe/event-log/signals/signals";
import { eventually, startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { hearAllProjections } from "./projectionsHeard.ts";

test("a service that is silent for 6 s is away, by name, until it is heard; webhooks only where the system has it, or had it", async () => {
  await using nats = await startNats();
  await using broker = await connectBroker({ url: nats.url, name: "test" });
  using projections = hearAllProjections(broker, { webhooks: true });
  using without = hearAllProjections(broker, { webhooks: false });
  assert.deepEqual(projections.away(), []);
  const say = (name: string, leading: boolean) =>
    announceProjection(broker, {
      ...{ name, instance: "one", leading, seq: 1, caught_up: true },
    });
  const saying = setInterval(() => {
    say("results", true);
    // One that stands by writes nothing.
    say("logger", false);
  }, 200);
  try {
    await eventually(
      () => projections.away().length > 0 && without.away().length > 0,
    );
    assert.deepEqual(projections.away(), ["logger", "webhooks"]);
    assert.deepEqual(without.away(), ["logger"]);
    say("logger", true);
    say("webhooks", true);
    await eventually(
      () => projections.away().length + without.away().length === 0,
    );
    const logger = setInterval(() => say("logger", true), 200);
    await eventually(() => without.away().length > 0);
    clearInterval(logger);
    assert.deepEqual(without.away(), ["webhooks"]);
  } finally {
    clearInterval(saying);
  }
});
