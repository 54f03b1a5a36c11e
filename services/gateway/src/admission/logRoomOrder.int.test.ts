/** What is stored while a gateway looks at the log's room, on a real broker. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { limitOf } from "@jetscribe/event-log/streams/logLimit";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { makeLogger } from "@jetscribe/runtime";
import { newTaskId, streams, type Queue } from "@jetscribe/schema";
import { startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { watchLogRoom } from "./logRoom.ts";

const queue: Queue = { model: "demo", lane: "interactive", owner: "a" };

test("an event that is stored while the gateway looks is in the bytes that it counts", async () => {
  await using nats = await startNats();
  await using broker = await connectBroker({ url: nats.url, name: "test" });
  const size = {
    ...{ eventsMaxBytes: 200_000, taskTimeoutMs: 300_000, replicas: 1 },
    ...{ auditMaxAgeMs: 3_600_000, auditMaxBytes: 2 ** 24 },
  };
  await ensureTopology(broker, size);
  using appender = makeAppender(broker, "test");
  const { created, maxBytes } = await streamState(broker, streams.events);
  const checkpoint = {
    ...{ created, seq: 1, id: "", caughtUp: true, beat: 1, bytes: 0 },
    open: { tasks: 0, tokens: 0, bytes: 0, bytesPerToken: 8 },
  };
  let looks = 0;
  /** Redis is read; the log gets full right behind it. */
  async function look() {
    if (looks++ === 0)
      await appender.append(
        {
          type: "GenerateRequested",
          data: {
            ...{ task_id: newTaskId(), ...queue },
            prompt: "x".repeat(limitOf(maxBytes)),
            params: { max_tokens: 16, temperature: 0.7, top_p: 0.9 },
            ...{ timeout_ms: 300_000, start_timeout_ms: 1_000_000 },
            enqueue_time: Date.now() / 1_000,
          },
        },
        queue,
      );
    return { tasks: [], checkpoint };
  }
  const { log } = makeLogger({ service: "test", level: "fatal" });
  using room = await watchLogRoom(broker, { look }, { all: () => [] }, log);
  assert.equal(looks, 1);
  assert.match(room.full() ?? "", /1\d\d % of it is used/);
});
