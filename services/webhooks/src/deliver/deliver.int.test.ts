/** What WEBHOOKS takes, and what the log has kept: the limits of a delivery, on a real broker without the service. */
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  countRecords,
  readDelivery,
} from "@jetscribe/event-log/webhooks/deliveries";
import {
  ensureWebhookConsumer,
  webhooksConsumer,
} from "@jetscribe/event-log/webhooks/consumers";
import { workOff } from "@jetscribe/event-log/webhooks/workOff";
import { newTaskId, type WebhookDelivery } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  startWebhooks,
  type WebhookSystem,
} from "../../test/webhooksTestKit.ts";
import { makeWebhookMetrics } from "../metrics.ts";
import { makeOnOutcome } from "../onOutcome.ts";
import type { Failure } from "../send/send.ts";
import { makeDeliver, mostOfOwner } from "./deliver.ts";
import { reviveOverdue } from "./reviveOverdue.ts";
import { makeSlots } from "./slots.ts";

const nowS = () => Date.now() / 1_000;
const silent = { info: () => undefined, warn: () => undefined };
const done = { kind: "done" };

const deliveryOf = (owner: string): WebhookDelivery => ({
  ...{ task_id: newTaskId(), owner, model: "demo", status: "completed" },
  ...{ url: "https://a.example/", ended_at: 1, state: "pending" },
  ...{ attempts: 0, since: nowS(), next_at: nowS() },
});

for (const version of await natsVersions())
  describe(`limits of webhooks, the ${version} nats-server`, () => {
    const opened = new AsyncDisposableStack();
    let system: WebhookSystem;
    beforeAll(async () => {
      system = opened.use(await startWebhooks(version, []));
    });
    afterAll(() => opened.disposeAsync());

    /** One instance, whose attempts all fail like this. */
    function failing(failure: Failure) {
      const { broker } = system;
      const metrics = makeWebhookMetrics();
      const slots = makeSlots({ inAll: 4, perHost: 4, perOwner: 4 });
      const times = { firstPauseMs: 5_000, retryForMs: 86_400_000 };
      const send = () => Promise.resolve(failure);
      const common = { broker, nowS, metrics, log: silent };
      const deliver = makeDeliver({ ...common, send, slots, times });
      return { metrics, deliver, onOutcome: makeOnOutcome({ ...common, deliver }) }; // prettier-ignore
    }
    const isStored = async ({ owner, task_id }: WebhookDelivery) =>
      (await readDelivery(system.broker, owner, task_id)) !== undefined;

    test("an owner with all the records that may be gets no more of any kind, and others do", async () => {
      const { broker } = system;
      for (let i = 1; i < mostOfOwner; i++)
        broker.nc.publish(broker.subjects.webhookDelivery("many", `t${i}`));
      const count = () => countRecords(broker, "many");
      await eventually(async () => (await count()) === mostOfOwner - 1);
      const last = deliveryOf("many");
      assert.deepEqual(await failing({ error: "status" }).deliver(last, 0), done); // prettier-ignore
      assert.ok(await isStored(last));
      for (const failure of [
        { error: "status", http_status: 500 },
        { error: "gone", http_status: 410 },
      ] as const) {
        const { deliver, metrics } = failing(failure);
        const next = deliveryOf("many");
        assert.deepEqual(await deliver(next, 0), done);
        assert.equal(await count(), mostOfOwner, failure.error);
        assert.match(await metrics.text(), /^jetscribe_webhooks_dropped_total 1$/m); // prettier-ignore
        const other = deliveryOf("few");
        assert.deepEqual(await deliver(other, 0), done);
        assert.ok(await isStored(other));
      }
    });

    test("while WEBHOOKS is full an outcome is not acknowledged, and once there is room it is stored", async () => {
      const { broker } = system;
      const { webhooks } = broker.streams;
      const { state, config } = await broker.jsm.streams.info(webhooks);
      const { deliver, metrics } = failing({ error: "connection" });
      const delivery = deliveryOf("a");
      const resize = (max_bytes: number) =>
        broker.jsm.streams.update(webhooks, { max_bytes });
      await resize(state.bytes);
      const handled = await deliver(delivery, 0);
      assert.deepEqual(handled, { kind: "retry", afterMs: 5_000 });
      assert.ok(metrics.isFull && !(await isStored(delivery)));
      await resize(config.max_bytes);
      assert.deepEqual(await deliver(delivery, 0), done);
      assert.ok(!metrics.isFull && (await isStored(delivery)));
    });

    test("a webhook whose request the log has dropped is counted as lost, and is in nobody's way", async () => {
      const { broker } = system;
      const { events } = broker.streams;
      const { lastSeq } = await streamState(broker, events);
      await system.end({ url: "https://a.example/" });
      await broker.jsm.streams.deleteMessage(events, lastSeq + 1, false);
      const kept = await system.end({ url: "https://a.example/" });
      const { onOutcome, metrics } = failing({ error: "status" });
      const stop = new AbortController();
      const working = workOff(
        broker,
        {
          ...{ stream: events, consumer: webhooksConsumer(broker) },
          ...{ mostInHand: 10, handle: onOutcome },
          ensure: () => ensureWebhookConsumer(broker, "events", { ackWaitMs: 5_000 }), // prettier-ignore
          onInterruption: assert.ifError,
        },
        stop.signal,
      );
      await eventually(() => system.record(kept));
      stop.abort();
      await working;
      assert.match(await metrics.text(), /^jetscribe_webhooks_lost_total 1$/m);
    });

    test("each record that is overdue is stored again once, and one that is not due stays as it is", async () => {
      const { broker } = system;
      const stream = broker.streams.webhooks;
      await broker.jsm.streams.purge(stream);
      const put = async (next_at: number) => {
        const delivery = { ...deliveryOf("a"), next_at };
        const data = JSON.stringify(delivery);
        const { owner, task_id } = delivery;
        const { nc, subjects } = broker;
        await nc.request(subjects.webhookDelivery(owner, task_id), data);
        return delivery;
      };
      const seqOf = async ({ task_id }: WebhookDelivery) =>
        (await readDelivery(broker, "a", task_id))?.seq ?? 0;
      const late = [await put(1), await put(2)];
      const waits = await put(nowS() + 3_600);
      const before = (await streamState(broker, stream)).lastSeq;
      const said: object[] = [];
      const info = (facts: object) => void said.push(facts);
      using _reviving = reviveOverdue({
        ...{ broker, nowS, overdueMs: 50, log: { ...silent, info } },
      });
      await eventually(() => said.length > 0);
      assert.deepEqual(said, [{ webhooks: 2 }]);
      for (const one of late) assert.ok((await seqOf(one)) > before);
      assert.equal(await seqOf(waits), before);
      assert.equal((await streamState(broker, stream)).lastSeq, before + 2);
    });
  });
