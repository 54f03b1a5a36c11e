import { newTaskId } from "@jetscribe/schema";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import { openLog } from "../../test/eventLogTestKit.ts";
import { ensureWebhookConsumer, webhooksConsumer } from "./consumers.ts";
import { storeDelivery } from "./deliveries.ts";
import { workOff } from "./workOff.ts";

for (const version of await natsVersions())
  test(`what is worked on for longer than the broker waits comes once, the ${version} nats-server`, async () => {
    await using log = await openLog(version);
    const { broker } = log;
    await storeDelivery(
      broker,
      {
        ...{ task_id: newTaskId(), owner: "a", model: "demo" },
        ...{ status: "completed", url: "https://a.example/", ended_at: 1 },
        ...{ state: "pending", attempts: 0, since: 1, next_at: 1 },
      },
      0,
    );
    const ackWaitMs = 8_000;
    const stop = new AbortController();
    const [stream, name] = [broker.streams.webhooks, webhooksConsumer(broker)];
    const infoOf = () => broker.jsm.consumers.info(stream, name);
    let came = 0;
    let unacknowledged: number | undefined;
    await workOff(
      broker,
      {
        ...{ stream, consumer: name, mostInHand: 10, renewEveryMs: 500 },
        ensure: () => ensureWebhookConsumer(broker, "webhooks", { ackWaitMs }),
        async handle() {
          came++;
          // It is the time itself that is tested.
          await sleep(ackWaitMs + 1_000);
          unacknowledged = (await infoOf()).num_ack_pending;
          stop.abort();
          return { kind: "done" };
        },
        onInterruption: () => undefined,
      },
      stop.signal,
    );
    assert.deepEqual([came, unacknowledged], [1, 1]);

    // The consumer of another version, or with another time-out, gets the limits of this one.
    await broker.jsm.consumers.update(stream, name, { max_ack_pending: 1_000 });
    await ensureWebhookConsumer(broker, "webhooks", { ackWaitMs });
    const { config } = await infoOf();
    assert.equal(config.max_ack_pending, -1);
  });
