/** The rule of subscribers, on evidence that is right and with one thing wrong in it. */
import assert from "node:assert/strict";
import { test } from "vitest";
import type { Evidence } from "../evidence.ts";
import type { LoggedEvent } from "../readLog.ts";
import type { Given, SubscriberSeen } from "../subscriber.ts";
import { checkSubscribers } from "./subscribers.ts";

const event = (seq: number, word: string, owner: string): LoggedEvent => ({
  ...{ seq, word, time: 0, type: "", data: {} },
  ...{ queue: `infer=demo=batch=${owner}` },
  ...{ taskId: `of ${owner}`, messageId: `${owner}.${seq}` },
});
/** A group's request has one word more in its subject. */
const request = event(1, "requested", "a");
const log = [
  { ...request, queue: `${request.queue}=group` },
  event(2, "requested", "b"),
  event(3, "started", "a"),
  event(4, "completed", "a"),
];
const given = ({ seq, taskId, messageId }: LoggedEvent): Given => ({
  ...{ seq, taskId, messageId, subject: "llm.events" },
});
const its = log.filter(({ taskId }) => taskId === "of a").map(given);
const [first, second, third] = its as [Given, Given, Given];
const foreign = given(log[1]!);
const right = { owner: "a", delivered: its, heard: its };
const says = (changes: Partial<SubscriberSeen>): string[] =>
  checkSubscribers({
    log,
    subscribers: [{ ...right, ...changes }],
  } as Partial<Evidence> as Evidence);

test("a subscriber that sees its owner's events in order has nothing wrong", () => {
  const repeated = [first, second, first, second, third, second];
  for (const delivered of [its, repeated])
    assert.deepEqual(says({ delivered }), []);
  // The live feed tells nothing of what was stored while nobody listened.
  assert.deepEqual(says({ heard: [third] }), []);
});

const wrong: [string, Partial<SubscriberSeen>, RegExp][] = [
  ["an event is missed", { delivered: [first, third] }, /was not given started of of a at 3/], // prettier-ignore
  ["the last event is missed", { delivered: [first, second] }, /was not given completed of of a at 4/], // prettier-ignore
  ["a later event comes first", { delivered: [first, third, second] }, /was given 3 of of a after a later event/], // prettier-ignore
  ["another owner's event is delivered", { delivered: [first, foreign, second, third] }, /was given .* of of b as 2, which is no event of its owner/], // prettier-ignore
  ["another owner's event is heard", { heard: [foreign] }, /heard .* of of b as 2, which is no event of its owner/], // prettier-ignore
  ["an event is not the log's", { delivered: [first, second, { ...third, messageId: "x" }] }, /as 4, which is no event/], // prettier-ignore
  ["an event is heard that nobody stored", { heard: [{ ...third, seq: 5 }] }, /as 5, which is no event/], // prettier-ignore
  ["an event is heard twice", { heard: [third, third] }, /heard 4 twice/],
];

for (const [what, seen, said] of wrong)
  test(`it is seen where ${what}`, () => {
    assert.match(says(seen).join("\n"), said);
  });
