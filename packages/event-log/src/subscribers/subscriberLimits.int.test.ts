/** A matrix of what a subscriber may not do: it reaches nobody but the broker's three answers about its own consumer. */
import {
  eventTypes,
  makeNames,
  newTaskId,
  streams,
  subjects,
} from "@jetscribe/schema";
import { failed } from "@jetscribe/schema/test/taskEventsTestKit";
import { eventually, natsVersions } from "@jetscribe/testing";
import { AckPolicy } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  hearAll,
  ofA,
  ofB,
  openAccounts,
  take,
  type Accounts,
} from "../../test/subscribersTestKit.ts";
import { requestedBy } from "../../test/eventLogTestKit.ts";
import { apiPrefix } from "../accounts/access.ts";

const words = Object.values(eventTypes).map(({ word }) => word);
const { events } = streams;
/** The header of all that the subscriber publishes here. */
const mark = "From-Subscriber";
const traces = "traces";
const id = newTaskId();

/** What the services listen to, or store. */
const servicesSubjects = [
  ...words.map((word) => subjects.event(word, ofA)),
  ...[subjects.tokens(id), subjects.log("gateway")],
  subjects.idempotencyKey("a", "digest"),
  ...[subjects.keyEvent("created", "1"), subjects.textRead(id)],
  ...[subjects.wake(ofA), subjects.groupChanged({ ...ofA, group: "g" })],
  ...[subjects.worker("demo", "w"), subjects.projection("results")],
  ...[subjects.index, subjects.list, subjects.moment, subjects.density],
  ...[subjects.statistics, subjects.metrics, subjects.stored("failed", ofA)],
  ...["_INBOX.1", "_INBOX_gateway.1", "_R_.1", "$SRV.PING"],
];

/** Requests to JetStream behind `$JS.API.`, each with what it asks. */
const apiRequests: [subject: string, body: object][] = [
  ["INFO", {}],
  ...["INFO", "DELETE", "PURGE", "SNAPSHOT", "LEADER.STEPDOWN"].map((what): [string, object] => [`STREAM.${what}.${events}`, {}]), // prettier-ignore
  ["STREAM.NAMES", {}],
  ["STREAM.LIST", {}],
  ["STREAM.CREATE.MINE", { name: "MINE", subjects: ["llm.>"] }],
  [
    `STREAM.UPDATE.${events}`,
    { name: events, subjects: ["llm.events.>"], max_msgs: 1 },
  ],
  [`STREAM.MSG.GET.${events}`, { seq: 1 }],
  [`STREAM.MSG.DELETE.${events}`, { seq: 1 }],
  [`DIRECT.GET.${events}`, { seq: 1 }],
  [`DIRECT.GET.${events}.${subjects.event("failed", ofB)}`, {}],
  ...consumerRequests("x"),
  ...consumerRequests("sub=a"),
  ...consumerRequests("sub=b"),
  [`CONSUMER.NAMES.${events}`, {}],
  [`CONSUMER.LIST.${events}`, {}],
  ...["INFO", "MSG.NEXT"].map((what): [string, object] => [`CONSUMER.${what}.${events}.sub=b`, {}]), // prettier-ignore
  ...["DELETE", "PAUSE", "LEADER.STEPDOWN", "UNPIN", "RESET"].flatMap(
    (what) =>
    ["sub=a", "sub=b"].map((name): [string, object] => [`CONSUMER.${what}.${events}.${name}`, {}]), // prettier-ignore
  ),
];

/** Made or changed, without a filter, with one, and one that delivers into the log. */
function consumerRequests(name: string): [string, object][] {
  const config = { durable_name: name, name, ack_policy: "explicit" };
  const filter_subject = subjects.event("failed", ofB);
  const made = (config: object) => ({ stream_name: events, config });
  const pushed = { ...config, deliver_subject: subjects.event("failed", ofA) };
  return [
    [`CONSUMER.CREATE.${events}`, made({ ack_policy: "explicit" })],
    [`CONSUMER.CREATE.${events}.${name}`, made(config)],
    [
      `CONSUMER.CREATE.${events}.${name}.${filter_subject}`,
      made({ ...config, filter_subject }),
    ],
    [`CONSUMER.CREATE.${events}.${name}`, made(pushed)],
    [`CONSUMER.DURABLE.CREATE.${events}.${name}`, made(pushed)],
  ];
}

/** What a curious listener subscribes to. */
const everything = [
  ...[">", "llm.>", subjects.allStored, subjects.stored("failed", ofB)],
  ...[subjects.allEvents, subjects.tokens("*"), "_INBOX.>", "_R_.>", "$JS.>"],
];
const isUnstored = (subject: string) =>
  [subjects.stored("failed", ofA), subjects.worker("demo", "w"), "_INBOX.1", "_INBOX_gateway.1"].includes(subject); // prettier-ignore

const apis = ["$JS.API", apiPrefix] as const;
const own = {
  info: `${apis[1]}.CONSUMER.INFO.${events}.sub=a`,
  next: `${apis[1]}.CONSUMER.MSG.NEXT.${events}.sub=a`,
};
/** The subject behind an import. */
const inServicesAccount = (subject: string) =>
  subject.replace(`${apis[1]}.`, `${apis[0]}.`);
const acknowledgements = [
  ...["+ACK", "-NAK", "+WPI", "+TERM", "+NXT"],
  '+NXT {"batch":2,"no_wait":true}',
];
/** Both forms of the subject, of a message that the consumer has in hand or not. */
const ackSubjects = (name: string, stream: string = events) => {
  const place = `${stream}.${name}.1.1.1.1796025856110590025.0`;
  return [`$JS.ACK.${place}`, `$JS.ACK._.hash.${place}`];
};
const work = makeNames().workConsumerName(ofB);
/** Consumers that are not the subscriber's. */
const others: [stream: string, consumer: string][] = [
  ...["sub=b", "webhooks", work].map((name): [string, string] => [events, name]), // prettier-ignore
  ...[streams.webhooks, streams.keys].map((stream): [string, string] => [stream, "other"]), // prettier-ignore
];
/** Another consumer's subject of one form that is also, for too wide a pattern, the subscriber's own of the other form. */
const mixedAckSubjects = ([stream, consumer]: [string, string]) => {
  const [own, other] = [`${events}.sub=a`, `${stream}.${consumer}`];
  return [
    ...[`${other}.${own}.1.1.1`, `${other}.${own}.1.1.1.1`],
    ...[`${own}.${other}.1.1.1.1.1`, `${own}.${other}.1.1.1.1.1.r`],
  ].map((place) => `$JS.ACK.${place}`);
};

for (const version of await natsVersions())
  describe(`a subscriber, the ${version} nats-server`, () => {
    let accounts: Accounts;
    let a: NatsConnection;
    /** What came into the services' account from the subscriber, or by its trick. */
    let reached: string[];

    beforeAll(async () => {
      accounts = await openAccounts(
        { version },
        ...["a", "b"].map((name) => ({
          ...{ name, owner: name, types: ["failed" as const] },
        })),
      );
      for (const of of [ofB, ofA])
        for (let i = 0; i < 3; i++)
          await accounts.appender.append(failed(newTaskId()), of);
      for (const [stream, durable_name] of others)
        if (durable_name !== "sub=b")
          await accounts.broker.jsm.consumers.add(stream, {
            ...{ durable_name, ack_policy: AckPolicy.Explicit },
          });
      await accounts.appender.append(requestedBy(ofB), ofB);
      // The other one has a message in hand.
      await take(await accounts.as("b"), "b");
      a = await accounts.as("a");
      reached = [];
      accounts.broker.nc.subscribe(">", {
        callback: (_, { subject, headers: found }) => {
          if (found?.has(mark) || subject.startsWith(traces))
            reached.push(subject);
        },
      });
      await accounts.broker.nc.flush();
    });
    afterAll(() => accounts?.[Symbol.asyncDispose]());

    /** Publishes it with the mark that it is known by. */
    function say(
      subject: string,
      body: string,
      { reply, trace }: { reply?: string; trace?: string } = {},
    ): void {
      const marked = headers();
      marked.set(mark, "yes");
      if (trace !== undefined) marked.set("Nats-Trace-Dest", trace);
      a.publish(subject, body, {
        ...{ headers: marked },
        ...(reply !== undefined && { reply }),
      });
    }

    /** Which subjects of the services' account it reached; the streams and the others' consumers are as they were. */
    async function reachedBy(use: () => unknown): Promise<Set<string>> {
      const { nc, jsm } = accounts.broker;
      const kept = async () => {
        const all = await Array.fromAsync(jsm.streams.list());
        const consumers = await Array.fromAsync(jsm.consumers.list(events));
        return {
          streams: all.map(({ config, state }) => ({ config, state })),
          consumers: consumers.map(({ config }) => config),
          others: await Promise.all(
            others.map(async ([stream, consumer]) => {
              const info = await jsm.consumers.info(stream, consumer);
              const { delivered, ack_floor, num_ack_pending } = info;
              return { consumer, delivered, ack_floor, num_ack_pending };
            }),
          ),
        };
      };
      const before = await kept();
      reached.length = 0;
      await use();
      await a.flush();
      await nc.flush();
      assert.deepEqual(await kept(), before);
      return new Set(reached);
    }

    test("publishes nothing to the services", async () => {
      const by = await reachedBy(() => {
        for (const subject of servicesSubjects)
          for (const reply of [undefined, subjects.event("failed", ofA)])
            say(subject, "{}", reply === undefined ? {} : { reply });
      });
      assert.deepEqual(by, new Set());
    });

    test("asks JetStream for nothing but its own consumer", async () => {
      const by = await reachedBy(() => {
        for (const api of apis)
          for (const [subject, body] of apiRequests)
            say(`${api}.${subject}`, JSON.stringify(body), {
              reply: "_INBOX.answers",
            });
      });
      assert.deepEqual(by, new Set());
    });

    test("acknowledges nothing of another's, and has nothing of it sent", async () => {
      const by = await reachedBy(() => {
        for (const [stream, consumer] of others)
          for (const subject of [
            ...ackSubjects(consumer, stream),
            ...mixedAckSubjects([stream, consumer]),
          ])
            for (const word of acknowledgements)
              say(subject, word, { reply: "_INBOX.answers" });
      });
      assert.deepEqual(by, new Set());
    });

    test("gets no answer into the services' account, whatever it names for it", async () => {
      const answered = await hearAll(a);
      const asked = [...Object.values(own), ...ackSubjects("sub=a")];
      const by = await reachedBy(async () => {
        for (const reply of servicesSubjects) {
          say(own.info, "", { reply });
          say(own.next, JSON.stringify({ batch: 1, no_wait: true }), { reply });
          for (const subject of ackSubjects("sub=a")) say(subject, "+NXT", { reply }); // prettier-ignore
        }
        // The answers come into its own account.
        const into = subjects.event("failed", ofA);
        await eventually(() => answered.some(({ subject }) => subject === into)); // prettier-ignore
      });
      assert.deepEqual(by, new Set(asked.map(inServicesAccount)));
    });

    test("traces nothing into the services' account", async () => {
      const by = await reachedBy(() => {
        for (const trace of [`${traces}.a`, subjects.event("failed", ofA)])
          for (const subject of [own.info, own.next, ...servicesSubjects])
            say(subject, "", { trace, reply: "_INBOX.answers" });
      });
      const asked = [own.info, own.next].map(inServicesAccount);
      assert.deepEqual(by, new Set(asked));
    });

    test("hears nothing of the services and of others", async () => {
      const listener = await accounts.as("a");
      const heard: string[] = [];
      for (const subject of everything)
        listener.subscribe(subject, {
          callback: (refused, message) => {
            if (refused === null) heard.push(message.subject);
          },
        });
      await listener.flush();
      const { appender, broker } = accounts;
      await appender.append(requestedBy(ofB), ofB);
      await appender.append(failed(newTaskId()), ofB);
      await appender.append(requestedBy(ofA), ofA);
      await broker.nc.request(inServicesAccount(own.info), "", {
        timeout: 60_000,
      });
      for (const subject of servicesSubjects.filter(isUnstored))
        broker.nc.publish(subject, "{}");
      await take(await accounts.as("b"), "b");
      await broker.nc.flush();
      await listener.flush();
      const fed = subjects.stored("failed", ofA);
      assert.deepEqual(new Set(heard), new Set([fed]));
    });
  });
