/** What no list of subjects decides: replies, bodies and headers of what is allowed. */
import { kinds, makeNames } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import { errors, headers, type NatsConnection } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import { openUsers } from "../../test/accountsTestKit.ts";
import { queue, requestedBy } from "../../test/eventLogTestKit.ts";
import { makeAppender } from "../append/append.ts";
import type { Broker } from "../broker/connection.ts";
import { messageAt, streamState } from "../broker/streamState.ts";
import { ensureAuditorConsumers } from "../streams/auditorConsumers.ts";
import { apiPrefix } from "./access.ts";
import { auditedStreams } from "./auditor.ts";

const { streams, subjects } = makeNames();

async function storeRequests(broker: Broker, count: number): Promise<void> {
  using appender = makeAppender(broker, "gateway");
  for (let i = 0; i < count; i++)
    await appender.append(requestedBy(queue), queue);
}

/** What every stream has, how it is, and which consumers. */
const holdings = async (broker: Broker) =>
  await Promise.all(
    Object.values(streams).map(async (stream) => {
      const { config, created, state } = await broker.jsm.streams.info(stream);
      const { messages, first_seq, last_seq } = state;
      const consumers = await broker.jsm.consumers.list(stream).next();
      return {
        ...{ stream, config, created, messages, first_seq, last_seq },
        consumers: consumers.map(({ name }) => name).toSorted(),
      };
    }),
  );

const messagesIn = async (broker: Broker, stream: string) =>
  (await streamState(broker, stream)).messages;

const ask = async (nc: NatsConnection, subject: string, body: object = {}) =>
  // A delivery has the subject of the event: only an inbox of its own tells for what it came.
  await nc.request(subject, JSON.stringify(body), {
    ...{ timeout: 30_000, noMux: true },
  });

const pull = (nc: NatsConnection, stream: string) =>
  ask(nc, `${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.auditor`, {
    ...{ batch: 1, no_wait: true },
  });

for (const version of await natsVersions())
  describe(`beyond the lists, nats-server, the ${version}`, () => {
    test("nobody comes in without a user, or with a key that the configuration lacks", async () => {
      await using on = await openUsers(version);
      for (const as of [undefined, "stranger"] as const)
        await assert.rejects(on.tryConnect(as), /authorization violation/i);
    });

    test("a program that is slow to say who it is is waited for", async () => {
      await using on = await openUsers(version);
      const { hostname, port } = new URL(`nats://${on.broker.nc.getServer()}`);
      await using opened = new AsyncDisposableStack();
      const socket = opened.adopt(connect(Number(port), hostname), (open) => {
        open.destroy();
      });
      let said = "";
      socket.setEncoding("utf8").on("data", (text: string) => (said += text));
      await eventually(() => said.startsWith("INFO "));
      // The server's own limit is 2 s.
      await sleep(3_000);
      socket.write("CONNECT {}\r\nPING\r\n");
      await eventually(() => said.includes("-ERR"));
      assert.match(said, /-ERR 'Authorization Violation'/i);
    });

    test("the auditor takes messages, acknowledges them with and without an answer, and asks for single ones", async () => {
      await using on = await openUsers(version);
      await storeRequests(on.broker, 3);
      await ensureAuditorConsumers(on.broker);
      const { nc } = await on.connect("auditor");
      const first = await pull(nc, streams.events);
      assert.equal(first.subject, subjects.event("requested", queue));
      const pendingAcks = async () => {
        const info = await ask(
          nc,
          `${apiPrefix}.CONSUMER.INFO.${streams.events}.auditor`,
        );
        return info.json<{ num_ack_pending: number }>().num_ack_pending;
      };
      const second = await pull(nc, streams.events);
      assert.equal(await pendingAcks(), 2);
      nc.publish(first.reply ?? "", "+ACK");
      await eventually(async () => (await pendingAcks()) === 1);
      await nc.request(second.reply ?? "", "+ACK", { timeout: 30_000 });
      assert.equal(await pendingAcks(), 0);
      const { message } = (
        await ask(nc, `${apiPrefix}.STREAM.MSG.GET.${streams.events}`, {
          seq: 3,
        })
      ).json<{ message: { seq: number } }>();
      assert.equal(message.seq, 3);
    });

    test("the auditor acknowledges nothing of another's consumer, and has nothing of it sent", async () => {
      await using on = await openUsers(version);
      await storeRequests(on.broker, 3);
      await ensureAuditorConsumers(on.broker);
      const durable_name = "sub=s";
      await on.broker.jsm.consumers.add(streams.events, { durable_name });
      const { nc } = await on.connect("auditor");
      const reached: string[] = [];
      on.broker.nc.subscribe("$JS.ACK.>", {
        callback: (_, { subject }) => void reached.push(subject),
      });
      await on.broker.nc.flush();
      const other = `${streams.events}.${durable_name}`;
      for (const stream of auditedStreams(makeNames())) {
        const own = `${stream}.auditor`;
        for (const place of [
          ...[`${other}.1.1.1.1.1`, `_.hash.${other}.1.1.1.1.1`],
          // A subject of one form that fits the other form with the auditor's own consumer, but for its count of words.
          ...[`${other}.${own}.1.1.1`, `${own}.${other}.1.1.1.1.1`],
        ])
          for (const word of ["+ACK", "-NAK", "+WPI", "+TERM", "+NXT"])
            nc.publish(`$JS.ACK.${place}`, word, { reply: "_INBOX.answers" });
      }
      const allowed = `$JS.ACK.${streams.events}.auditor.1.1.1.1.1`;
      nc.publish(allowed, "+WPI");
      await eventually(() => reached.includes(allowed));
      assert.deepEqual(reached, [allowed]);
    });

    test("the auditor changes nothing, whatever it asks, and wherever it wants the answer", async () => {
      await using on = await openUsers(version);
      await storeRequests(on.broker, 3);
      await ensureAuditorConsumers(on.broker);
      const before = await holdings(on.broker);
      const auditor = await on.connect("auditor");
      const foreign = [
        ...Object.values(kinds).map(({ word }) => subjects.event(word, queue)),
        ...[subjects.keyEvent("created", "k"), subjects.textRead("t")],
        ...[subjects.tokens("t"), subjects.log("gateway")],
        subjects.idempotencyKey("o", "d"),
      ];
      const allowed = Object.values(streams).flatMap((stream) => [
        `${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.auditor`,
        `${apiPrefix}.CONSUMER.INFO.${stream}.auditor`,
        `${apiPrefix}.STREAM.INFO.${stream}`,
        `${apiPrefix}.STREAM.MSG.GET.${stream}`,
      ]);
      const changes = Object.values(streams).flatMap((stream) =>
        ["$JS.API", apiPrefix].flatMap((api) => [
          ...["PURGE", "DELETE", "UPDATE", "CREATE", "MSG.DELETE"].map(
            (change) => `${api}.STREAM.${change}.${stream}`,
          ),
          `${api}.CONSUMER.CREATE.${stream}.auditor`,
          `${api}.CONSUMER.CREATE.${stream}.other.${subjects.allEvents}`,
          `${api}.CONSUMER.DELETE.${stream}.auditor`,
        ]),
      );
      const traced = headers();
      for (const to of foreign) {
        traced.set("Nats-Trace-Dest", to);
        auditor.nc.publish(to, "a lie");
        for (const subject of allowed) {
          const body = JSON.stringify({ seq: 1 });
          auditor.nc.publish(subject, body, { reply: to });
          auditor.nc.publish(subject, body, { headers: traced });
        }
      }
      for (const subject of changes)
        await auditor.nc
          .request(subject, bodyOf(subject), { timeout: 30_000 })
          .catch((error: unknown) =>
            assert.ok(
              error instanceof errors.NoRespondersError ||
                (error instanceof errors.RequestError &&
                  error.isNoResponders()),
              String(error),
            ),
          );
      // Whatever was asked before is answered before these.
      for (const stream of [streams.events, streams.keys, streams.audit]) {
        await pull(auditor.nc, stream);
        await ask(auditor.nc, `${apiPrefix}.STREAM.MSG.GET.${stream}`, {
          seq: 1,
        });
      }
      assert.deepEqual(await holdings(on.broker), before);
    });

    test("where a service wants an answer, and which consumer it means, the server does not check", async () => {
      await using on = await openUsers(version);
      const { nc } = await on.connect("logger");
      const key = subjects.keyEvent("created", "k");
      const keysHave = (count: number) => async () =>
        (await messagesIn(on.broker, streams.keys)) === count;
      nc.publish(`$JS.API.STREAM.INFO.${streams.logs}`, "", { reply: key });
      await eventually(keysHave(1));
      // By a consumer a text of its own comes there.
      await ask(nc, subjects.log("logger"), { a: "lie" });
      const name = "any";
      await ask(nc, `$JS.API.CONSUMER.CREATE.${streams.logs}.${name}`, {
        ...{ stream_name: streams.logs, config: { name, ack_policy: "none" } },
      });
      nc.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${streams.logs}.${name}`,
        JSON.stringify({ batch: 1, no_wait: true }),
        { reply: key },
      );
      await eventually(keysHave(2));
      const lie = await messageAt(on.broker, streams.keys, 2);
      assert.equal(Buffer.from(lie?.data ?? []).toString(), '{"a":"lie"}');

      await ensureAuditorConsumers(on.broker);
      await ask(nc, `$JS.API.CONSUMER.DELETE.${streams.events}.auditor`);
      const { consumers = [] } =
        (await holdings(on.broker)).find(
          ({ stream }) => stream === streams.events,
        ) ?? {};
      assert.deepEqual(consumers, []);
    });

    test("a trace of a message goes nowhere where its sender may not publish", async () => {
      await using on = await openUsers(version);
      const logger = await on.connect("logger");
      const traced = headers();
      traced.set("Nats-Trace-Dest", subjects.keyEvent("created", "k"));
      const reply = logger.inbox;
      await logger.publish(`$JS.API.STREAM.INFO.${streams.logs}`, "", {
        ...{ headers: traced, reply },
      });
      await logger.publish(subjects.log("logger"), "{}", { headers: traced });
      await ask(logger.nc, `$JS.API.STREAM.INFO.${streams.logs}`);
      assert.equal(await messagesIn(on.broker, streams.keys), 0);
      // The gateway may publish there: from 2.11 on its trace arrives.
      const gateway = await on.connect("gateway");
      await gateway.publish(subjects.log("gateway"), "{}", { headers: traced });
      await ask(gateway.nc, `$JS.API.STREAM.INFO.${streams.logs}`);
      if (version === "newest")
        await eventually(
          async () => (await messagesIn(on.broker, streams.keys)) > 0,
        );
    });
  });

/** With it the question would change something, asked by the operator. */
function bodyOf(subject: string): string {
  const [, , kind, what, stream = "", name = ""] = subject.split(".");
  if (what === "MSG") return JSON.stringify({ seq: 1 });
  if (what !== "CREATE" && what !== "UPDATE") return "";
  const config =
    kind === "CONSUMER"
      ? { durable_name: name, name, ack_policy: "explicit" }
      : { name: stream, subjects: ["a.lie"] };
  return JSON.stringify(
    kind === "CONSUMER" ? { stream_name: stream, config } : config,
  );
}
