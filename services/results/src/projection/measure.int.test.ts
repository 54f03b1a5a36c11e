/** The bytes of the log as they are summed while it is read, against the broker's own count. */
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { streams } from "@jetscribe/schema";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  assertProjected,
  openReader,
  openWriter,
  servers,
  startResults,
} from "../../test/resultsTestKit.ts";

for (const version of await natsVersions())
  test(`the projection counts the log's bytes as the broker does, whoever leads (${version})`, async () => {
    await using on = await servers(version);
    await using writer = await openWriter(on.nats.url);
    await using redis = await openReader(on.redis.url);
    await writer.lives(300);
    for (let leader = 0; leader < 2; leader++) {
      await using results = startResults(on);
      await writer.lives(300);
      await assertProjected(writer.broker, redis.reader);
      await results.kill();
      const { bytes } = await streamState(writer.broker, streams.events);
      const { checkpoint } = await redis.reader.look([]);
      assert.equal(checkpoint?.bytes, bytes);
    }
    const use = await redis.reader.logUse(1);
    assert.deepEqual(use?.milestones[0], { seq: 0, bytes: 0 });
  });
