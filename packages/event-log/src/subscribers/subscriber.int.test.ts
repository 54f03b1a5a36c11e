/** What a subscriber's credentials are good for. What they are not is in subscriberLimits.int.test.ts. */
import type { JsMsg } from "@nats-io/jetstream";
import { newTaskId, subjects } from "@jetscribe/schema";
import { failed } from "@jetscribe/schema/test/taskEventsTestKit";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import {
  consumerOf,
  hearAll,
  ofA,
  ofB,
  openAccounts,
  take,
} from "../../test/subscribersTestKit.ts";
import { requestedBy } from "../../test/eventLogTestKit.ts";
import { purgeEventsBefore } from "../broker/streamState.ts";
import { placeOf } from "./subscriberDurable.ts";

const toSubject = ({ subject }: { subject: string }) => subject;
const taskOf = (message: JsMsg | null) =>
  message?.json<{ task_id: string }>().task_id;

for (const version of await natsVersions())
  describe(`a subscriber, the ${version} nats-server`, () => {
    test("hears live what fits its filter, without bodies", async () => {
      await using accounts = await openAccounts(
        { version },
        { name: "a", owner: "a", types: ["failed"] },
        { name: "requests", types: ["requested"] },
      );
      const { appender } = accounts;
      const heard = await hearAll(await accounts.as("a"));
      const requests = await hearAll(await accounts.as("requests"));
      const grouped = { ...ofA, group: "g" };
      await appender.append(failed(newTaskId()), ofB);
      await appender.append(requestedBy(ofB), ofB);
      await appender.append(requestedBy(grouped), grouped);
      await appender.append(failed(newTaskId()), ofA);
      const feed = [subjects.stored("failed", ofA)];
      await eventually(() => heard.length > 0 && requests.length > 1);
      assert.deepEqual(heard.map(toSubject), feed);
      assert.deepEqual(
        requests.map(toSubject),
        [ofB, grouped].map((of) => subjects.stored("requested", of)),
      );
      assert.ok([...heard, ...requests].every(({ data }) => data.length === 0));
    });

    test("reads its events by its durable consumer, and goes on where it stopped", async () => {
      await using accounts = await openAccounts(
        { version },
        { name: "a", owner: "a", types: ["failed"] },
      );
      const { appender, broker } = accounts;
      const ids = [newTaskId(), newTaskId(), newTaskId()];
      for (const id of ids) {
        await appender.append(failed(newTaskId()), ofB);
        await appender.append(failed(id), ofA);
      }
      const first = await accounts.as("a");
      assert.equal((await placeOf(broker, "a"))?.pending, 3);
      const one = await take(first, "a");
      assert.deepEqual([one?.subject, one?.seq], [subjects.event("failed", ofA), 2]); // prettier-ignore
      assert.equal(taskOf(one), ids[0]);
      // Answered: the broker has it.
      assert.equal(await one?.ackAck(), true);
      await first.close();
      const consumer = await consumerOf(await accounts.as("a"), "a");
      // Many answers to one question.
      const several = { max_messages: 2, expires: 60_000 };
      const got: unknown[] = [];
      for await (const message of await consumer.fetch(several)) {
        got.push(taskOf(message));
        message.ack();
      }
      assert.deepEqual(got, ids.slice(1));
      await eventually(async () => {
        const place = await placeOf(broker, "a");
        return place?.inHand === 0 && place.pending === 0;
      });
    });

    test("gets headers alone where it is to see no text, and begins where it is to", async () => {
      await using accounts = await openAccounts({ version });
      const { appender } = accounts;
      await appender.append(requestedBy(ofA), ofA);
      await accounts.add({ name: "old", noText: true });
      await accounts.add({ name: "new", from: undefined });
      const { seq } = await appender.append(failed(newTaskId()), ofA);
      const old = await take(await accounts.as("old"), "old");
      assert.equal(old?.seq, 1);
      assert.equal(old.data.length, 0);
      assert.equal(old.headers?.get("ce-type"), "jetscribe.GenerateRequested.v1"); // prettier-ignore
      assert.equal((await take(await accounts.as("new"), "new"))?.seq, seq);
    });

    test("has missed what the log dropped before it was given it, and nothing else", async () => {
      await using accounts = await openAccounts(
        { version },
        ...["some", "all"].map((name) => ({ name })),
        { name: "filtered", types: ["failed"] },
      );
      const { appender, broker } = accounts;
      const missed = async (name: string) =>
        (await placeOf(broker, name))?.missed;
      const some = await accounts.as("some");
      for (let i = 0; i < 10; i++) await appender.append(failed(newTaskId()), ofA); // prettier-ignore
      await (await take(some, "some"))?.ackAck();
      const all = await consumerOf(await accounts.as("all"), "all");
      for await (const message of await all.fetch({ max_messages: 10 }))
        await message.ackAck();
      assert.equal(await missed("some"), 0);
      await purgeEventsBefore(broker, 6);
      assert.equal(await missed("some"), 4);
      const sixth = await take(some, "some");
      assert.equal(sixth?.seq, 6);
      await sixth.ackAck();
      assert.equal(await missed("some"), 4);
      await purgeEventsBefore(broker, 11);
      assert.deepEqual([await missed("some"), await missed("all")], [8, 0]);
      await accounts.add({ name: "new", from: undefined });
      assert.equal(await missed("new"), 0);
      await broker.jsm.consumers.add("EVENTS", {
        ...{ durable_name: "sub=older", filter_subject: subjects.allEvents },
      });
      for (const name of ["filtered", "older"])
        assert.equal(await missed(name), undefined);
    });

    test("that needs several filters is refused by name on a server that has one", async () => {
      await using accounts = await openAccounts({ version });
      const { appender, broker } = accounts;
      const making = accounts.add({
        ...{ name: "two", types: ["failed", "cancelled"] },
      });
      if (broker.serverVersion.startsWith("2.9.")) {
        await assert.rejects(making, {
          ...{ name: "FilterError", code: "FILTER" },
          message: /^nats-server 2\.9\.\d+ has one filter for a consumer/,
        });
        assert.equal(await placeOf(broker, "two"), undefined);
        return;
      }
      await making;
      await appender.append(requestedBy(ofA), ofA);
      await appender.append(failed(newTaskId()), ofA);
      assert.equal((await take(await accounts.as("two"), "two"))?.seq, 2);
    });

    test("waits on while others come and go, and is out once it is removed", async () => {
      await using accounts = await openAccounts(
        { version },
        { name: "stays" },
        { name: "goes" },
      );
      const { appender, broker } = accounts;
      const [stays, goes] = [await accounts.as("stays"), await accounts.as("goes")]; // prettier-ignore
      const waiting = (await consumerOf(stays, "stays")).next({
        expires: 60_000,
      });
      await eventually(
        async () => (await placeOf(broker, "stays"))?.waiting === 1,
      );
      await accounts.add({ name: "comes" });
      await accounts.remove("goes");
      await goes.closed();
      await assert.rejects(accounts.as("goes"), { name: "AuthorizationError" });
      // The same pull, and the same connections, of a subscriber and of the services.
      await appender.append(failed(newTaskId()), ofA);
      assert.equal((await waiting)?.seq, 1);
      assert.equal((await take(await accounts.as("comes"), "comes"))?.seq, 1);
      assert.equal(broker.connected, true);
    });

    if (version === "newest")
      test("acknowledges by the longer form of the subject too", async () => {
        const config = ["feature_flags { js_ack_fc_v2: true }"];
        await using accounts = await openAccounts({ version, config }, { name: "a" }); // prettier-ignore
        const { appender, broker } = accounts;
        await appender.append(failed(newTaskId()), ofA);
        const message = await take(await accounts.as("a"), "a");
        assert.match(String((message as { reply?: string } | null)?.reply), /^\$JS\.ACK\.[^.]+\.[^.]+\.EVENTS\.sub=a\./); // prettier-ignore
        assert.equal(await message?.ackAck(), true);
        assert.equal((await placeOf(broker, "a"))?.inHand, 0);
      });
  });
