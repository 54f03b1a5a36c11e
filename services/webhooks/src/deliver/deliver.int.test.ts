/** What WEBHOOKS takes, and what the log has kept: the limits of a delivery, on a real broker without the service. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  ensureWebhookConsumer,
  webhooksConsumer,
} from "@jetscribe/event-log/webhooks/consumers";
import {
  removeRecord,
  storeDelivery,
} from "@jetscribe/event-log/webhooks/deliveries";
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
import { makeDeliver } from "./deliver.ts";
import { reviveOverdue } from "./reviveOverdue.ts";
import { makeRoom } from "./room.ts";

const log = { info() {}, warn() {} };
const nowS = () => Date.now() / 1_000;
const status: Failure = { error: "status", http_status: 503 };
const gone: Failure = { error: "gone", http_status: 410 };
const refused: Failure = { error: "refused" };

const deliveryOf = (owner: string, host: string): WebhookDelivery => ({
  ...{ task_id: newTaskId(), owner, model: "demo", status: "completed" },
  ...{ url: `https://${host}/`, ended_at: nowS(), state: "pending" },
  ...{ attempts: 0, since: nowS(), next_at: nowS() },
});

for (const version of await natsVersions())
  describe(`limits of webhooks, the ${version} nats-server`, () => {
    let system: WebhookSystem;
    beforeAll(async () => {
      system = await startWebhooks(version, []);
    });
    afterAll(() => system[Symbol.asyncDispose]());

    /** Hosts answer as they are named; others take what they get. `most`: of one owner. */
    function delivering(most?: number) {
      const { broker } = system;
      const answers: Record<string, Failure> = { status, gone, refused };
      const sent: string[] = [];
      const metrics = makeWebhookMetrics();
      const room = makeRoom(broker, log, most);
      const free = { kind: "slot" as const, [Symbol.dispose]() {} };
      const deliver = makeDeliver({
        ...{ broker, room, metrics, log, nowS },
        slots: { take: () => Promise.resolve(free) },
        send({ task_id, url }) {
          sent.push(task_id);
          return Promise.resolve(answers[new URL(url).hostname.slice(0, -2)]);
        },
        times: { firstPauseMs: 5_000, retryForMs: 86_400_000 },
      });
      /** `id`: the same one comes again. */
      async function come(owner: string, host: string, again = {}, tries = 1) {
        const delivery = { ...deliveryOf(owner, `${host}.x`), ...again };
        const handled = await deliver(delivery, { after: 0, tries });
        const retryMs = handled.kind === "retry" ? handled.afterMs : undefined;
        return { id: delivery.task_id, retryMs };
      }
      const count = async (name: string) => {
        const text = await metrics.text();
        return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
      };
      const onOutcome = makeOnOutcome({ broker, deliver, nowS, metrics, log });
      return { come, sent, count, room, onOutcome };
    }
    const recordsOf = async (owner: string) =>
      (await system.records(owner)).map(({ delivery }) => delivery);
    const resize = async (maxBytes: number) => {
      const { jsm, streams } = system.broker;
      await jsm.streams.update(streams.webhooks, { max_bytes: maxBytes });
    };
    const used = async () => {
      const { jsm, streams } = system.broker;
      return (await jsm.streams.info(streams.webhooks)).state.bytes;
    };

    test("an outcome to an address that answered 410 is counted, and no record", async () => {
      const { come, sent, count } = delivering();
      const first = await come("a", "gone");
      const second = await come("a", "gone");
      assert.deepEqual([first.retryMs, second.retryMs], [undefined, undefined]);
      assert.deepEqual(sent, [first.id]);
      const [record, ...more] = await recordsOf("a");
      assert.deepEqual([record?.task_id, more], [first.id, []]);
      const result = 'jetscribe_webhook_attempts_total{result="disabled"}';
      assert.equal(await count(result), 1);
    });

    test("dead webhooks of an owner take no room from those that wait, and what has no room stays in the log", async () => {
      const { come, sent, count } = delivering(2);
      for (let i = 0; i < 4; i++) await come("b", "refused");
      assert.equal((await recordsOf("b")).length, 2);
      assert.equal(await count("jetscribe_webhooks_dropped_total"), 2);
      const { come: comeLater, sent: sentLater } = delivering(2);
      for (let i = 0; i < 2; i++) await comeLater("b", "status");
      assert.equal((await recordsOf("b")).length, 4);
      const later = delivering(2);
      const first = await later.come("b", "status");
      assert.ok((first.retryMs ?? 0) >= 4_000);
      assert.deepEqual(later.sent, [first.id]);
      const again = await later.come("b", "status", { task_id: first.id }, 5);
      assert.ok((again.retryMs ?? 0) >= 64_000, "ever later");
      assert.deepEqual(later.sent, [first.id], "the host has just failed");
      const other = await later.come("b", "works");
      assert.equal(other.retryMs, undefined, "another host is told");
      assert.deepEqual(later.sent.slice(1), [other.id]);
      assert.equal((await recordsOf("b")).length, 4);
      assert.deepEqual([sent.length, sentLater.length], [4, 2]);
    });

    test("in a stream that is nearly full what waits goes first, and a full one stops no receiver that takes", async () => {
      const bytes = await used();
      await resize(Math.ceil(bytes / 0.8));
      const nearly = delivering();
      await nearly.come("c", "refused");
      assert.deepEqual(await recordsOf("c"), []);
      assert.ok(!(await nearly.room.isFull()));
      const waits = await nearly.come("c", "status");
      assert.equal(waits.retryMs, undefined);
      const [pending] = await system.records("c");
      assert.ok(pending?.delivery.state === "pending");

      await resize(await used());
      const full = delivering();
      const stays = await full.come("c", "status");
      assert.ok((stays.retryMs ?? 0) >= 4_000);
      assert.ok(await full.room.isFull());
      assert.equal((await full.come("c", "works")).retryMs, undefined);
      await resize(256_000_000);
      assert.ok(!(await delivering().room.isFull()));
    });

    test("a webhook whose request the log has dropped is counted as lost, and is in nobody's way", async () => {
      const { broker } = system;
      const { events } = broker.streams;
      const { lastSeq } = await streamState(broker, events);
      await system.end({ url: "https://status.x/" });
      await broker.jsm.streams.deleteMessage(events, lastSeq + 1, false);
      const kept = await system.end({ url: "https://status.x/" });
      const { onOutcome, count } = delivering();
      const stop = new AbortController();
      const working = workOff(
        broker,
        {
          ...{ stream: events, consumer: webhooksConsumer(broker) },
          ...{ mostInHand: 10, renewEveryMs: 1_000, handle: onOutcome },
          ensure: () => ensureWebhookConsumer(broker, "events", { ackWaitMs: 60_000 }), // prettier-ignore
          onInterruption: () => undefined,
        },
        stop.signal,
      );
      await eventually(() => system.record(kept));
      stop.abort();
      await working;
      assert.equal(await count("jetscribe_webhooks_lost_total"), 1);
    });

    test("overdue records are stored again once, page by page, but not those in hand, as soon as they can be read", async () => {
      const { broker } = system;
      let refused = 0;
      const unreadable = { ...broker.streams, webhooks: "NONE" };
      const reading = Object.create(broker, {
        streams: { get: () => (refused > 1 ? broker.streams : unreadable) },
      }) as Broker;
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) {
        const delivery = { ...deliveryOf("d", "x"), next_at: 1 };
        await storeDelivery(broker, delivery, 0);
        ids.push(delivery.task_id);
      }
      await storeDelivery(broker, deliveryOf("due", "x"), 0);
      const before = await system.records("d");
      const inHand = new Set(before.slice(0, 1).map(({ seq }) => seq));
      const told = Promise.withResolvers<object>();
      const heard = { warn: () => void refused++, info: told.resolve };
      using _reviving = reviveOverdue({
        ...{ broker: reading, nowS: () => 1_000, overdueMs: 10, page: 2 },
        ...{ inHand, log: heard },
      });
      assert.deepEqual(await told.promise, { webhooks: 4 });
      const [first, ...rest] = await system.records("d");
      assert.equal(first?.seq, before[0]?.seq);
      // The one behind is not overdue.
      const last = (before.at(-1)?.seq ?? 0) + 1;
      assert.deepEqual(
        rest.map(({ delivery, seq }) => [delivery.task_id, seq]),
        ids.slice(1).map((id, i) => [id, last + 1 + i]),
      );
    });

    test("a record that is gone is as good as removed, and one that can't be removed is an error", async () => {
      const { broker } = system;
      const seq = await storeDelivery(broker, deliveryOf("e", "x"), 0);
      await removeRecord(broker, seq);
      await removeRecord(broker, seq);
      await removeRecord(broker, seq + 1_000);
      const stays = await storeDelivery(broker, deliveryOf("e", "x"), 0);
      // For good: it is the last test.
      const { jsm, streams } = broker;
      await jsm.streams.update(streams.webhooks, { deny_delete: true });
      await assert.rejects(removeRecord(broker, stays));
    });
  });
