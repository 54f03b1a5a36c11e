import { readByWebhooks } from "@jetscribe/event-log/webhooks/consumers";
import { sendAgain } from "@jetscribe/event-log/webhooks/deliveries";
import {
  eventually,
  natsVersions,
  startWebhookReceiver,
  testRandom,
  type WebhookReceiver,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startWebhooks, type WebhookSystem } from "../test/webhooksTestKit.ts";

for (const version of await natsVersions())
  describe(`webhooks, the ${version} nats-server`, () => {
    const opened = new AsyncDisposableStack();
    let system: WebhookSystem;
    let receiver: WebhookReceiver;
    beforeAll(async () => {
      system = opened.use(await startWebhooks(version));
      receiver = opened.use(await startWebhookReceiver());
      receiver.verifyWith(system.secret);
    });
    afterAll(() => opened.disposeAsync());

    const callsOf = (id: string, from = receiver) =>
      from.received.filter((call) => call.id === id);
    const isTaken = (id: string, by = receiver) =>
      eventually(() => by.taken.has(id));
    const recordWhere = (
      id: string,
      is: (
        record: NonNullable<Awaited<ReturnType<WebhookSystem["record"]>>>,
      ) => boolean,
    ) =>
      eventually(async () => {
        const record = await system.record(id);
        return record !== undefined && is(record) && record;
      });

    test("an outcome is told once, signed and without texts, and nothing of it is stored", async () => {
      const url = `${receiver.url}/hook?token=x`;
      const id = await system.end({ url }, "failed");
      await isTaken(id);
      const [call, ...more] = callsOf(id);
      assert.deepEqual(more, []);
      assert.ok(call?.verified);
      assert.deepEqual(call.data, {
        ...{ task_id: id, status: "failed", model: "demo", owner: "a" },
        error_type: "TimeoutError",
      });
      assert.deepEqual(
        [call.type, call.path],
        ["task.failed", "/hook?token=x"],
      );
      assert.doesNotMatch(JSON.stringify(call), /SECRET/);
      await eventually(
        async () => (await readByWebhooks(system.broker)).caught_up,
      );
      assert.equal(await system.stored(), 0);
    });

    test("only the outcomes that are asked for are told, and none of a task without a webhook", async () => {
      const { url } = receiver;
      const before = receiver.received.length;
      await system.end(undefined);
      const quiet = await system.end({ url, events: ["failed"] });
      const told = await system.end({ url, events: ["failed"] }, "failed");
      await isTaken(told);
      assert.deepEqual(callsOf(quiet), []);
      assert.equal(receiver.received.length, before + 1);
    });

    test("410 disables an address for its owner, until a re-send is taken", async () => {
      const url = `${receiver.url}/gone`;
      receiver.answerWith(({ path }) => (path === "/gone" ? 410 : 204));
      const first = await system.end({ url });
      const gone = await recordWhere(first, ({ state }) => state === "dead");
      assert.deepEqual([gone.error, gone.http_status], ["gone", 410]);
      const second = await system.end({ url });
      await eventually(
        async () => (await readByWebhooks(system.broker)).caught_up,
      );
      assert.deepEqual(callsOf(second), []);
      assert.equal(await system.record(second), undefined);
      const beside = await system.end({ url: receiver.url });
      await isTaken(beside);

      receiver.answerWith(() => 204);
      assert.equal(await sendAgain(system.broker, "b", first, 1), undefined);
      assert.ok(await sendAgain(system.broker, "a", first, 1));
      await isTaken(first);
      assert.equal(callsOf(first).length, 2, "under the same id as before");
      await eventually(async () => !(await system.record(first)));
      const third = await system.end({ url });
      await isTaken(third);
      // Of a task without a record there is nothing to send.
      assert.equal(await sendAgain(system.broker, "a", third, 1), undefined);
    });

    test("no redirect is followed", async () => {
      await using elsewhere = await startWebhookReceiver();
      const Location = `${elsewhere.url}/stolen`;
      receiver.answerWith(() => ({ status: 307, headers: { Location } }));
      const id = await system.end({ url: receiver.url });
      const record = await recordWhere(id, ({ attempts }) => attempts > 1);
      assert.deepEqual([record.state, record.error], ["pending", "redirect"]);
      assert.deepEqual(elsewhere.received, []);
      receiver.answerWith(() => 204);
      await isTaken(id);
    });

    test("a private address is not called, neither by a name nor as it is", async () => {
      const { port } = receiver;
      for (const host of [
        "localhost",
        "[::1]",
        "10.0.0.1",
        "169.254.169.254",
      ]) {
        const id = await system.end({ url: `http://${host}:${port}/` });
        const record = await recordWhere(id, ({ state }) => state === "dead");
        assert.deepEqual([record.error, record.attempts], ["refused", 0], host);
        assert.deepEqual(callsOf(id), []);
      }
    });

    test("the log is kept for what was not told yet, and the service says how far it is", async () => {
      receiver.answerWith(() => 204);
      await isTaken(await system.end({ url: receiver.url }));
      const lastSeq = await lastSeqOf(system);
      await eventually(async () => {
        const { seq, caught_up } = await readByWebhooks(system.broker);
        return caught_up && seq >= lastSeq;
      });
      await system.stack.kill("webhooks");
      await system.end({ url: receiver.url });
      // The broker may count the outcome for its consumer a moment after the PubAck.
      await eventually(async () => {
        const { seq, caught_up } = await readByWebhooks(system.broker);
        return !caught_up && seq < (await lastSeqOf(system));
      });
      await system.stack.restart("webhooks");
      await eventually(
        async () => (await readByWebhooks(system.broker)).caught_up,
      );
    });

    describe("where calls time out soon", () => {
      beforeAll(async () => {
        const soon = { WEBHOOK_TIMEOUT: "1s" };
        system = opened.use(await startWebhooks(version, ["webhooks"], soon));
      });

      test("a receiver that does not answer has so many calls at a time, and holds up no other", async () => {
        await using slow = await startWebhookReceiver("127.0.0.2");
        slow.answerWith(() => "hang");
        const late = await Promise.all(
          Array.from({ length: 10 }, () => system.end({ url: slow.url })),
        );
        await eventually(() => slow.received.length >= 4);
        const quick = await Promise.all(
          Array.from({ length: 20 }, () => system.end({ url: receiver.url })),
        );
        await Promise.all(quick.map((id) => isTaken(id)));
        assert.ok(slow.taken.size === 0 && slow.mostAtOnce <= 4);
        slow.answerWith(() => 204);
        await Promise.all(late.map((id) => isTaken(id, slow)));
        assert.ok(slow.mostAtOnce <= 4, `${slow.mostAtOnce} at a time`);
      });

      test("every outcome is told at least once, through a receiver that fails at random and the deaths of the service and the broker", async () => {
        const random = testRandom();
        const answers = [204, 204, 503, 302, "hang up", "hang"] as const;
        // The pauses between attempts grow: no webhook fails more than three times.
        receiver.answerWith(({ id }) =>
          callsOf(id).length > 3 ? 204 : random.pick(answers),
        );
        const ids: string[] = [];
        const endSome = async () => {
          for (let i = 0; i < 20; i++)
            ids.push(await system.end({ url: receiver.url }));
        };
        await endSome();
        await system.stack.kill("webhooks");
        await endSome();
        await system.stack.restart("webhooks");
        await eventually(() => ids.some((id) => receiver.taken.has(id)));
        await system.stack.nats.kill();
        await system.stack.nats.restart();
        await system.broker.whenConnected();
        await endSome();
        await Promise.all(ids.map((id) => isTaken(id)));
        const isEmpty = async () =>
          !(await system.records()).some(({ delivery }) =>
            ids.includes(delivery.task_id),
          );
        // Also where the broker, when it was killed, forgot that records were removed.
        await eventually(isEmpty);
        assert.ok(receiver.received.every(({ verified }) => verified));
      });
    });
  });

async function lastSeqOf({ broker }: WebhookSystem): Promise<number> {
  const { state } = await broker.jsm.streams.info(broker.streams.events);
  return state.last_seq;
}
