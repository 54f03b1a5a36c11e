import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { eventTypes } from "./events.ts";
import type { EventType } from "./kinds.ts";
import {
  eventSubject,
  makeNames,
  parseApiSubject,
  parseEventSubject,
  parseGroupSubject,
  parseStoredSubject,
  parseWakeSubject,
  parseWorkConsumerName,
  subjects,
  workConsumerName,
} from "./subjects.ts";

const slug = fc.stringMatching(/^[a-z0-9_-]{1,64}$/);
const queue = fc.record(
  {
    model: slug,
    lane: fc.constantFrom("interactive", "batch"),
    owner: slug,
  },
  { noNullPrototype: true },
);
const type = fc.constantFrom(...(Object.keys(eventTypes) as EventType[]));

test("subjects and consumer names are as the design has them", () => {
  const demo = { model: "demo", lane: "batch", owner: "team-a" } as const;
  const seen = {
    event: eventSubject("GenerateRequested", demo),
    any: subjects.event("*", { ...demo, owner: "*" }),
    stored: subjects.stored("completed", demo),
    wake: subjects.wake(demo),
    consumer: workConsumerName(demo),
    tokens: subjects.tokens("id"),
    worker: subjects.worker("demo", "w1"),
    projection: subjects.projection("results"),
    log: subjects.log("gateway"),
    api: subjects.api("generate", "team-a"),
  };
  assert.deepEqual(seen, {
    event: "llm.events.requested.demo.batch.team-a",
    any: "llm.events.*.demo.batch.*",
    stored: "llm.stored.completed.demo.batch.team-a",
    wake: "llm.wake.demo.batch.team-a",
    consumer: "infer=demo=batch=team-a",
    tokens: "llm.tokens.id",
    worker: "llm.workers.demo.w1",
    projection: "llm.projections.results",
    log: "llm.logs.gateway",
    api: "llm.api.team-a.generate",
  });
});

test("type and queue come back out of subjects and consumer names; of a group only requests tell", () => {
  fc.assert(
    fc.property(type, queue, fc.option(slug), (type, base, group) => {
      const inGroup = group === null ? {} : { group };
      const queue = { ...base, ...(type === "GenerateRequested" && inGroup) };
      const consumer = workConsumerName({ ...base, ...inGroup });
      assert.deepEqual(parseWorkConsumerName(consumer), {
        ...base,
        ...inGroup,
      });
      assert.equal(
        eventSubject(type, { ...base, ...inGroup }),
        eventSubject(type, queue),
      );
      const event = parseEventSubject(eventSubject(type, queue));
      assert.deepEqual(event, { type, queue });
      const { word } = eventTypes[type];
      const stored = parseStoredSubject(subjects.stored(word, queue));
      assert.deepEqual(stored, { type, queue });
      assert.deepEqual(parseWakeSubject(subjects.wake(queue)), queue);
      assert.deepEqual(parseWorkConsumerName(workConsumerName(queue)), queue);
    }),
  );
});

test("a namespace stands before all streams, subjects and consumers, and is passed over where they are read", () => {
  const shop = makeNames("shop");
  const demo = { model: "demo", lane: "batch", owner: "team-a" } as const;
  const said = [
    ...Object.values(shop.streams),
    shop.eventSubject("GenerateRequested", demo),
    shop.workConsumerName(demo),
    shop.durableName("webhooks"),
  ];
  assert.deepEqual(said, [
    ...["shop-EVENTS", "shop-TOKENS", "shop-LOGS", "shop-IDEMPOTENCY"],
    ...["shop-KEYS", "shop-AUDIT", "shop-WEBHOOKS"],
    "shop.llm.events.requested.demo.batch.team-a",
    "shop=infer=demo=batch=team-a",
    "shop=webhooks",
  ]);
  const { event, stored, wake, tokens, worker, projection, ...others } =
    shop.subjects;
  const { log, idempotencyKey, keyEvent, groupChanged, ...more } = others;
  const { textRead, api, webhooksOf, ...further } = more;
  const { webhookDelivery, webhookDisabled, ...rest } = further;
  const all = [
    ...[event("*", demo), stored("*", demo), wake(demo), tokens("id")],
    ...[worker("demo", "w1"), projection("results"), log("gateway")],
    ...[idempotencyKey("a", "0f"), keyEvent("created", "abcdef123456")],
    ...[groupChanged({ ...demo, group: "g" }), textRead("id")],
    api("result", "a"),
    ...[webhooksOf("a"), webhookDelivery("a", "id"), webhookDisabled("a", "d")],
    ...Object.values(rest),
  ];
  for (const subject of all) assert.match(subject, /^shop\.llm\.[a-z]/);
});

test("a call's owner and word come back out of its subject, in any namespace", () => {
  const call = { owner: "team-a", call: "cancel" };
  for (const { subjects } of [makeNames(), makeNames("shop")])
    assert.deepEqual(parseApiSubject(subjects.api("cancel", "team-a")), call);
  for (const other of [
    "llm.api.a.stream",
    "llm.api.generate",
    "llm.api.a.b.generate",
    "llm.stored.a.generate",
  ])
    // prettier-ignore
    assert.equal(parseApiSubject(other), undefined, other);
});

test("no name of one namespace is another one's", () => {
  const namespaces = [undefined, "shop", "Shop", "llm", "infer", "events", "-"];
  const demo = { model: "infer", lane: "batch", owner: "llm" } as const;
  for (const namespace of namespaces) {
    const names = makeNames(namespace);
    const { subjects } = names;
    const requested = names.eventSubject("GenerateRequested", demo);
    const event = { type: "GenerateRequested", queue: demo };
    assert.deepEqual(parseEventSubject(requested), event);
    const stored = subjects.stored("requested", demo);
    assert.deepEqual(parseStoredSubject(stored), event);
    assert.deepEqual(parseWakeSubject(subjects.wake(demo)), demo);
    const group = { ...demo, group: "g" };
    assert.deepEqual(parseGroupSubject(subjects.groupChanged(group)), group);
    for (const other of namespaces) {
      const { workConsumerName, parseWorkConsumerName } = makeNames(other);
      const parsed = parseWorkConsumerName(names.workConsumerName(demo));
      assert.deepEqual(parsed, other === namespace ? demo : undefined);
      if (other === namespace) continue;
      assert.notEqual(workConsumerName(demo), names.workConsumerName(demo));
      assert.ok(
        !requested.startsWith(makeNames(other).subjects.allEvents.slice(0, -1)),
      );
    }
  }
});

test("a namespace is one token of a subject", () => {
  for (const text of [
    "",
    "a.b",
    "*",
    ">",
    "a b",
    "a=b",
    "ä",
    "$SYS",
    "x".repeat(65),
  ])
    assert.throws(() => makeNames(text), RangeError, text);
  assert.equal(
    makeNames("x".repeat(64)).streams.logs,
    `${"x".repeat(64)}-LOGS`,
  );
});

test("each event type has a subject of its own", () => {
  const words = Object.values(eventTypes).map(({ word }) => word);
  assert.equal(new Set(words).size, words.length);
});

test("other subjects and names are nobody's", () => {
  const others = [
    "",
    "llm.events",
    "llm.events.requested.demo.batch",
    "llm.events.requested.demo.batch.a.b.c",
    "llm.events.requested.demo.slow.a",
    "llm.events.resumed.demo.batch.a",
    "llm.stored.resumed.demo.batch.a",
    "llm.stored.requested.demo.batch",
    "llm.wakes.demo.batch.a",
    "other.events.requested.demo.batch.a",
    "infer=demo=batch",
    "infer=demo=batch=a=b=c",
    "infer=demo=slow=a",
    "results",
  ];
  for (const text of others) {
    assert.equal(parseEventSubject(text), undefined, text);
    assert.equal(parseStoredSubject(text), undefined, text);
    assert.equal(parseWakeSubject(text), undefined, text);
    assert.equal(parseWorkConsumerName(text), undefined, text);
  }
});
