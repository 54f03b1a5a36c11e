import { makeNames } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  accessOf,
  durableNameOf,
  feedOf,
  filtersOf,
  Subscriber,
} from "./subscriber.ts";

const names = makeNames();
const filters = (filter: Parameters<typeof filtersOf>[0]) =>
  filtersOf(filter, names);

test("without a filter a subscriber gets all events", () => {
  assert.deepEqual(filters({}), ["llm.events.>"]);
  assert.deepEqual(feedOf({}, names), ["llm.stored.>"]);
});

test("a filter of a model or of types is one subject for each type, requests of groups included", () => {
  assert.deepEqual(filters({ model: "demo" }), ["llm.events.*.demo.*.>"]);
  assert.deepEqual(filters({ types: ["failed", "requested"] }), [
    "llm.events.failed.*.*.>",
    "llm.events.requested.*.*.>",
  ]);
});

test("a filter of an owner names requests of groups by themselves, so that no other owner's are among them", () => {
  assert.deepEqual(filters({ owner: "a" }), [
    "llm.events.*.*.*.a",
    "llm.events.requested.*.*.a.*",
  ]);
  assert.deepEqual(filters({ owner: "a", model: "demo", types: ["failed"] }), [
    "llm.events.failed.demo.*.a",
  ]);
});

test("in a namespace everything that it may use has the namespace's names", () => {
  const shop = makeNames("shop");
  assert.equal(durableNameOf("alarms", shop), "shop=sub=alarms");
  assert.deepEqual(feedOf({ owner: "a", types: ["failed"] }, shop), [
    "shop.llm.stored.failed.*.*.a",
  ]);
  for (const { subject } of accessOf(alarms, shop))
    assert.match(
      subject,
      /^shop\.llm\.|shop-EVENTS\.shop=sub=alarms(\.\*){0,5}(\.>)?$/,
    );
});

const alarms: Subscriber = {
  name: "alarms",
  publicKey: `U${"A".repeat(55)}`,
  ...{ noText: false, api: false, createdAt: "2026-11-29T00:00:00Z" },
};

test("a list of subscribers names what could be no subject or no file", () => {
  assert.ok(Subscriber.safeParse(alarms).success);
  for (const wrong of [
    ...["", "A", "a.b", "a b", "a*", "../a", "-a", "a".repeat(33)].map(
      (name) => ({ name }),
    ),
    ...[{ owner: "a.b" }, { model: ">" }, { types: [] }, { types: ["x"] }],
    ...[{ publicKey: "SUAM" }, { from: "yesterday" }],
  ])
    assert.ok(!Subscriber.safeParse({ ...alarms, ...wrong }).success);
});
