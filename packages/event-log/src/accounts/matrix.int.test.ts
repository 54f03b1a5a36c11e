/** Every user tries everything: what it may do is done, and what it may not do is refused. */
import {
  apiCalls,
  keyEventTypes,
  kinds,
  makeNames,
  type EventWord,
  type KeyEventWord,
  type Names,
} from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { openUsers, type User } from "../../test/accountsTestKit.ts";
import { inboxPrefixOf, roles, type ServiceRole } from "./roles.ts";

/** A subject, and who may use it. */
type Row = readonly [subject: string, may: readonly ServiceRole[]];

const users = roles.filter((role) => role !== "auditor");
const queue = { model: "m", lane: "batch", owner: "o" } as const;
const group = { ...queue, group: "g" };

const appends: Record<EventWord, readonly ServiceRole[]> = {
  requested: ["gateway"],
  cancelled: ["gateway", "inference", "results"],
  started: ["inference"],
  retried: ["inference"],
  completed: ["inference"],
  failed: ["inference", "results"],
};
const keyWords = Object.values(keyEventTypes).map(
  ({ word }) => word,
) satisfies KeyEventWord[];
const words = Object.values(kinds).map(({ word }) => word);

const op = (more: readonly ServiceRole[] = []) => [
  "operator" as const,
  ...more,
];

/** The table of a namespace. */
function tableOf(names: Names) {
  const { streams, subjects, durableName, workConsumerName } = names;
  const root = subjects.allEvents.slice(0, -"events.>".length);

  /** Who may publish, by family: a family that is new has to be entered here. */
  const publishes: Record<keyof Names["subjects"], readonly Row[]> = {
    event: words.flatMap((word): Row[] => [
      [subjects.event(word, queue), appends[word]],
      [
        `${subjects.event(word, queue)}.g`,
        word === "requested" ? appends.requested : [],
      ],
    ]),
    allEvents: [[`${root}events.deleted.m.batch.o`, []]],
    stored: words.map((word) => [subjects.stored(word, queue), []]),
    allStored: [[`${root}stored.any`, []]],
    wake: [queue, group].map((of) => [
      subjects.wake(of),
      ["gateway", "inference", "results"],
    ]),
    groupChanged: [[subjects.groupChanged(group), ["gateway", "results"]]],
    tokens: [[subjects.tokens("t"), ["inference"]]],
    worker: [[subjects.worker("m", "w"), ["inference"]]],
    projection: [
      [subjects.projection("results"), ["results"]],
      [subjects.projection("logger"), ["logger"]],
      [subjects.projection("webhooks"), ["webhooks"]],
      [subjects.projection("other"), []],
    ],
    log: users.map((role) => [
      subjects.log(role),
      role === "operator" ? [] : [role],
    ]),
    idempotencyKey: [[subjects.idempotencyKey("o", "d"), ["gateway"]]],
    keyEvent: keyWords.map((word) => [
      subjects.keyEvent(word, "k"),
      ["gateway"],
    ]),
    allKeyEvents: [[`${root}keys.created.k.more`, []]],
    textRead: [[subjects.textRead("t"), ["gateway"]]],
    allAuditRecords: [[`${root}audit.other.t`, []]],
    allWebhooks: [[`${root}webhooks.o.other.t`, []]],
    webhooksOf: [],
    webhookDelivery: [
      [subjects.webhookDelivery("o", "t"), ["gateway", "webhooks"]],
    ],
    webhookDisabled: [[subjects.webhookDisabled("o", "d"), ["webhooks"]]],
    index: [[subjects.index, ["gateway", "inference", "operator"]]],
    list: [[subjects.list, ["gateway", "operator"]]],
    moment: [[subjects.moment, ["gateway", "operator"]]],
    density: [[subjects.density, ["gateway", "operator"]]],
    statistics: [[subjects.statistics, ["gateway", "operator"]]],
    metrics: [[subjects.metrics, ["gateway", "operator"]]],
    api: apiCalls.map((call) => [subjects.api(call, "o"), []]),
  };

  const answers: readonly Row[] = [
    [`${inboxPrefixOf("gateway")}.x`, ["results"]],
    [`${inboxPrefixOf("inference")}.x`, ["results"]],
    [`${inboxPrefixOf("operator")}.x`, users],
    ...(["results", "logger", "webhooks", "auditor"] as const).map(
      (role): Row => [`${inboxPrefixOf(role)}.x`, []],
    ),
    ["_INBOX.x", []],
    ["_R_.x.y", ["gateway", "results"]],
    ["$SRV.PING", ["operator"]],
    ["$SYS.REQ.SERVER.PING", []],
  ];

  /** A work queue, a subscriber's durable, and that of the webhooks. */
  const consumers = {
    work: workConsumerName(queue),
    subscriber: durableName("sub=s"),
    webhooks: durableName("webhooks"),
  };

  const acknowledgersOf = (stream: string, consumer: string) => {
    const may: ServiceRole[] = ["operator"];
    if (stream === streams.events) may.push("inference");
    const isItsOwn = stream === streams.events || stream === streams.webhooks;
    if (isItsOwn && consumer === consumers.webhooks) may.push("webhooks");
    return may;
  };
  const bothForms = Object.values(streams).flatMap((stream) =>
    Object.values(consumers).flatMap((consumer): Row[] => {
      const may = acknowledgersOf(stream, consumer);
      return [
        [`$JS.ACK.${stream}.${consumer}.1.1.1.1.1`, may],
        [`$JS.ACK.hub.a1b2.${stream}.${consumer}.1.1.1.1.1`, may],
        [`$JS.ACK.hub.a1b2.${stream}.${consumer}.1.1.1.1.1.r`, may],
      ];
    }),
  );

  /** Each is one consumer's by the one form, and for too wide a pattern of the other form also another's. */
  const mixedForms = Object.values(streams).flatMap((stream) =>
    Object.values(streams).flatMap((otherStream): Row[] => {
      const it = `${stream}.${consumers.work}`;
      const other = `${otherStream}.${consumers.webhooks}`;
      const may = acknowledgersOf(stream, consumers.work);
      return [
        [`$JS.ACK.${it}.${other}.1.1.1`, may],
        [`$JS.ACK.${other}.${it}.1.1.1.1.1`, may],
      ];
    }),
  );
  const acknowledges = [...bothForms, ...mixedForms];

  /** Who reads a stream by consumers of its own, and who asks for single messages. */
  const readers: Record<
    keyof Names["streams"],
    { byConsumer: readonly ServiceRole[]; single: readonly ServiceRole[] }
  > = {
    events: {
      byConsumer: ["gateway", "inference", "results", "logger"],
      single: ["gateway", "inference", "results", "logger", "webhooks"],
    },
    tokens: {
      byConsumer: ["gateway", "inference", "results"],
      single: ["gateway", "inference"],
    },
    logs: {
      byConsumer: ["logger"],
      single: ["gateway", "inference", "results", "logger", "webhooks"],
    },
    idempotency: { byConsumer: [], single: ["gateway"] },
    keys: { byConsumer: ["gateway"], single: [] },
    audit: { byConsumer: ["gateway"], single: ["gateway"] },
    webhooks: {
      byConsumer: ["gateway", "webhooks"],
      single: ["gateway", "webhooks"],
    },
  };

  /** What a consumer may be made with in the subject of the question, beside its name. */
  const filters: Record<keyof Names["streams"], string> = {
    events: subjects.event("requested", queue),
    tokens: subjects.tokens("t"),
    logs: subjects.log("gateway"),
    idempotency: subjects.idempotencyKey("o", "d"),
    keys: subjects.keyEvent("created", "k"),
    audit: subjects.textRead("t"),
    webhooks: subjects.webhookDelivery("o", "t"),
  };

  const questionsOf = Object.entries(streams).flatMap(
    ([key, stream]): Row[] => {
      const name = key as keyof Names["streams"];
      const { byConsumer, single } = readers[name];
      const isEvents = name === "events";
      const byFilter = byConsumer.filter(
        (role) =>
          !(role === "inference" && isEvents) &&
          !(role === "logger" && name === "logs") &&
          name !== "keys",
      );
      const bySeveral = isEvents
        ? (["gateway", "results", "logger"] as const)
        : [];
      const asks = (
        question: string,
        may: readonly ServiceRole[] = [],
      ): Row => [`$JS.API.${question}`, op(may)];
      const { webhooks } = consumers;
      return [
        asks(`STREAM.INFO.${stream}`, users),
        ...["CREATE", "UPDATE", "DELETE", "SNAPSHOT", "RESTORE"].map((change) =>
          asks(`STREAM.${change}.${stream}`),
        ),
        asks(
          `STREAM.MSG.DELETE.${stream}`,
          name === "webhooks" ? ["webhooks"] : [],
        ),
        asks(`STREAM.PURGE.${stream}`, isEvents ? ["results"] : []),
        asks(`STREAM.LEADER.STEPDOWN.${stream}`),
        asks(`STREAM.MSG.GET.${stream}`, single),
        asks(`DIRECT.GET.${stream}`),
        asks(
          `DIRECT.GET.${stream}.${filters[name]}`,
          name === "tokens" ? ["gateway"] : [],
        ),
        asks(`CONSUMER.CREATE.${stream}`, bySeveral),
        asks(`CONSUMER.CREATE.${stream}.any`, byConsumer),
        asks(`CONSUMER.CREATE.${stream}.any.${filters[name]}`, byFilter),
        asks(
          `CONSUMER.CREATE.${stream}.any.${root}other`,
          byFilter.filter(() => isEvents),
        ),
        asks(
          `CONSUMER.CREATE.${stream}.${webhooks}`,
          isEvents ? [...byConsumer, "webhooks"] : byConsumer,
        ),
        asks(`CONSUMER.DURABLE.CREATE.${stream}.any`),
        asks(
          `CONSUMER.DURABLE.CREATE.${stream}.${webhooks}`,
          isEvents || name === "webhooks" ? ["webhooks"] : [],
        ),
        asks(
          `CONSUMER.INFO.${stream}.any`,
          isEvents ? ["gateway", "inference", "results"] : [],
        ),
        asks(`CONSUMER.LIST.${stream}`, isEvents ? ["inference"] : []),
        asks(`CONSUMER.NAMES.${stream}`, isEvents ? ["results"] : []),
        asks(`CONSUMER.DELETE.${stream}.absent`, byConsumer),
        asks(`CONSUMER.MSG.NEXT.${stream}.any`, byConsumer),
        asks(
          `CONSUMER.MSG.NEXT.${stream}.${webhooks}`,
          isEvents ? [...byConsumer, "webhooks"] : byConsumer,
        ),
        asks(`CONSUMER.LEADER.STEPDOWN.${stream}.any`),
      ];
    },
  );

  const questions: readonly Row[] = [
    ...questionsOf,
    ...["INFO", "STREAM.NAMES", "STREAM.LIST", "META.LEADER.STEPDOWN"].map(
      (question): Row => [`$JS.API.${question}`, op()],
    ),
  ];

  const hears: readonly Row[] = [
    ...[">", "*.>", `${root}>`, "_INBOX.>", "_R_.>", "$JS.>"].map(
      (subject): Row => [subject, []],
    ),
    ...roles.map((role): Row => [
      `${inboxPrefixOf(role)}.>`,
      users.filter((user) => user === role),
    ]),
    [subjects.allEvents, []],
    [subjects.api("*", "*"), ["gateway"]],
    [subjects.event("*", { ...queue, model: "*", lane: "*", owner: "*" }), []],
    [subjects.allStored, op(["gateway"])],
    [
      subjects.stored("requested", { model: "*", lane: "*", owner: "*" }),
      op(["gateway", "inference"]),
    ],
    [
      subjects.stored("cancelled", { model: "m", lane: "*", owner: "*" }),
      op(["gateway", "inference"]),
    ],
    [
      subjects.stored("completed", { model: "m", lane: "*", owner: "*" }),
      op(["gateway"]),
    ],
    [subjects.tokens("*"), op(["gateway"])],
    [subjects.worker("*", "*"), op(["gateway", "inference", "results"])],
    [subjects.projection("*"), op(["gateway", "results"])],
    [
      subjects.wake({ ...queue, model: "m", lane: "*", owner: "*" }),
      op(["inference"]),
    ],
    [subjects.wake(group), op(["inference"])],
    [subjects.groupChanged(group), op(["gateway"])],
    ...[
      ...[subjects.allKeyEvents, subjects.allAuditRecords, subjects.log("*")],
      subjects.idempotencyKey("*", "*"),
    ].map((subject): Row => [subject, []]),
    ...[
      ...[subjects.index, subjects.list, subjects.moment, subjects.density],
      ...[subjects.statistics, subjects.metrics],
    ].map((subject): Row => [subject, ["results"]]),
    ["$JS.ACK.>", []],
    ["$JS.API.>", []],
    ["$JS.EVENT.ADVISORY.>", op()],
    ["$SRV.>", users],
    ["$SYS.>", []],
  ];

  return {
    streams,
    publishes,
    answers,
    acknowledges,
    questions,
    hears,
    consumers,
  };
}

const allowed = (rows: readonly Row[], role: ServiceRole) =>
  rows.flatMap(([subject, may]) => (may.includes(role) ? [subject] : []));
const refused = (rows: readonly Row[], role: ServiceRole) =>
  rows.flatMap(([subject, may]) => (may.includes(role) ? [] : [subject]));

/** The server has taken or refused all that was sent, and the client has heard of it. */
async function settle({ nc }: User): Promise<void> {
  await nc.flush();
  await nc.flush();
}

test("every subject of the system is in the table", () => {
  assert.deepEqual(
    Object.keys(tableOf(makeNames()).publishes).toSorted(),
    Object.keys(makeNames().subjects).toSorted(),
  );
});

const brokers = [
  ...(await natsVersions()).map((version) => ({
    version,
    namespace: undefined,
  })),
  { version: "newest" as const, namespace: "shop" },
];

for (const { version, namespace } of brokers)
  describe(`what each user may do, nats-server, the ${version}, namespace ${namespace ?? "none"}`, () => {
    const table = tableOf(makeNames(namespace));
    const { acknowledges, answers, consumers, hears, questions, streams } =
      table;
    const publishes = Object.values(table.publishes).flat();
    /** Those of another system in the same account. */
    const foreign = Object.values(tableOf(makeNames("other")).publishes)
      .flat()
      .map(([subject]): Row => [subject, []]);

    test("publish: what a list names comes to those who hear it, and nothing else does", async () => {
      await using on = await openUsers(version, namespace);
      const rows = [...publishes, ...answers, ...foreign];
      const heard = new Set<string>();
      for (const subject of ["llm.>", "*.llm.>", "_INBOX.>", "_R_.>", "$SRV.>"])
        on.broker.nc.subscribe(subject, {
          callback: (_, msg) =>
            void heard.add(`${msg.string()} ${msg.subject}`),
        });
      await on.broker.nc.flush();
      for (const role of users) {
        const user = await on.connect(role);
        for (const [subject] of rows) user.nc.publish(subject, role);
        await settle(user);
        assert.deepEqual(
          [...user.forbidden.publish].toSorted(),
          refused(rows, role).toSorted(),
          role,
        );
        const mayHear = allowed(publishes, role);
        await eventually(() =>
          mayHear.every((subject) => heard.has(`${role} ${subject}`)),
        );
        for (const subject of refused(rows, role))
          assert.ok(!heard.has(`${role} ${subject}`), subject);
      }
    });

    test("acknowledge and ask JetStream: the rest is refused, and what is allowed gets an answer", async () => {
      await using on = await openUsers(version, namespace);
      for (const stream of Object.values(streams))
        for (const durable_name of ["any", consumers.webhooks])
          await on.broker.jsm.consumers.add(stream, { durable_name });
      for (const role of users) {
        const user = await on.connect(role);
        const answered = new Set<string>();
        user.nc.subscribe(`${user.inbox}.*`, {
          callback: (_, { subject }) =>
            void answered.add(subject.slice(user.inbox.length + 1)),
        });
        // An operator would do it: streams and consumers are needed by those who come later.
        const asked = questions.map(([subject, may]): Row => [
          role === "operator" ? subject.replace(/[A-Z]+$/, "NONE") : subject,
          may,
        ]);
        for (const [subject] of acknowledges) user.nc.publish(subject, "+WPI");
        for (const [i, [subject]] of asked.entries())
          user.nc.publish(subject, bodyOf(subject), {
            reply: `${user.inbox}.${i}`,
          });
        await settle(user);
        assert.deepEqual(
          [...user.forbidden.publish].toSorted(),
          [...new Set(refused([...acknowledges, ...asked], role))].toSorted(),
          role,
        );
        if (role === "operator") continue;
        const answering = asked.flatMap(([, may], i) =>
          may.includes(role) ? [String(i)] : [],
        );
        await eventually(() => answering.every((i) => answered.has(i)));
        assert.equal(answered.size, answering.length);
      }
    });

    test("subscribe: nobody hears another's answers, nor what the log and the keys are told", async () => {
      await using on = await openUsers(version, namespace);
      for (const role of users) {
        const user = await on.connect(role);
        for (const [subject] of hears)
          user.nc.subscribe(subject, { callback: () => undefined });
        await settle(user);
        assert.deepEqual(
          [...user.forbidden.subscription].toSorted(),
          refused(hears, role).toSorted(),
          role,
        );
      }
    });
  });

const bodyOf = (subject: string): string =>
  subject.includes(".MSG.NEXT.")
    ? JSON.stringify({ batch: 1, no_wait: true })
    : "{}";
