import type { KeyRecord, Scope } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "vitest";
import { ApiKeyList } from "./apiKeys.ts";
import { makeKeyRing } from "./keyRing.ts";

const record = (id: string, more: Partial<KeyRecord> = {}): KeyRecord => ({
  ...{ id, name: id, prefix: `jsk_${id}`, digest: hash("sha256", `key ${id}`) },
  ...{ scopes: ["read", "cancel"], created_at: 1, created_by: "env:a" },
  ...more,
});
/** Of a call that holds what it holds to the end of the test. */
const goesOn = new AbortController().signal;
const fromSettings = ApiKeyList.parse("a:fixed");

test("made keys work beside those of the settings, until they are revoked", () => {
  using ring = makeKeyRing(fromSettings, () => 10);
  ring.set([record("one"), record("two", { revoked_at: 5 })]);
  assert.equal(ring.find("fixed")?.name, "a");
  assert.equal(ring.find("key one"), ring.withId("one"));
  assert.ok(ring.withId("one"));
  assert.equal(ring.find("key two"), undefined);
  ring.set([record("one", { revoked_at: 6 })]);
  assert.equal(ring.find("key one"), undefined);
  assert.equal(ring.withId("one"), undefined);
  assert.ok(ring.find("fixed"));
});

test("a scope that this version does not know is none", () => {
  using ring = makeKeyRing([], () => 10);
  ring.set([record("one", { scopes: ["read", "fly"] })]);
  const known: ReadonlySet<Scope> = new Set(["read"]);
  assert.deepEqual(ring.find("key one")?.scopes, known);
});

test("a key works until the clock shows its expiry, and what it holds ends then", async () => {
  let now = 10;
  using ring = makeKeyRing([], () => now);
  ring.set([record("one", { expires_at: 20 })]);
  const key = ring.find("key one");
  assert.ok(key);
  const end = ring.endOf(key, goesOn);
  now = 19.999;
  assert.ok(ring.find("key one"));
  now = 20;
  assert.equal(ring.find("key one"), undefined);
  assert.ok(ring.hasEnded(key));
  await eventually(() => end?.aborted);
});

test("what a key holds ends with its revocation and with the loss of a scope, and with nothing else", () => {
  using ring = makeKeyRing(fromSettings, () => 10);
  ring.set([record("one"), record("two")]);
  const endOf = (id: string) => {
    const key = ring.find(`key ${id}`);
    assert.ok(key);
    const end = ring.endOf(key, goesOn);
    assert.ok(end);
    return { key, end };
  };
  const [one, two] = [endOf("one"), endOf("two")];
  const more = { scopes: ["read", "cancel", "generate"] };
  ring.set([record("one", more), record("two", { limits: { max_tasks: 1 } })]);
  assert.deepEqual([one.end.aborted, two.end.aborted], [false, false]);
  const wider = endOf("one");
  ring.set([record("one"), record("two", { revoked_at: 1 })]);
  assert.deepEqual([wider.end.aborted, two.end.aborted], [true, true]);
  // A call that was let in before the revocation, and waits only now.
  assert.ok(ring.hasEnded(two.key));
  const [fixed] = fromSettings;
  assert.ok(fixed);
  assert.equal(ring.endOf(fixed, goesOn), undefined);
});

test("what a read token holds ends with the token, and what its key holds goes on", async () => {
  let now = 10;
  using ring = makeKeyRing(fromSettings, () => now);
  ring.set([record("one")]);
  for (const given of ["fixed", "key one"]) {
    const key = ring.find(given);
    assert.ok(key);
    const ofKey = ring.endOf(key, goesOn);
    const [early, late] = [now + 1, now + 2].map((token_expires_at) => {
      const end = ring.endOf({ ...key, token_expires_at }, goesOn);
      assert.ok(end);
      return end;
    });
    now += 1;
    await eventually(() => early?.aborted);
    assert.equal(late?.aborted, false);
    assert.equal(ofKey?.aborted ?? false, false);
    assert.ok(ring.hasEnded({ ...key, token_expires_at: now }));
  }
});

test("of two read tokens that end together, each ends by its own scopes", () => {
  using ring = makeKeyRing([], () => 10);
  const scopes = ["read", "read:text"];
  ring.set([record("one", { scopes })]);
  const key = ring.find("key one");
  assert.ok(key);
  const [both, one] = [key.scopes, new Set(["read"] as const)].map((scopes) =>
    ring.endOf({ ...key, scopes, token_expires_at: 20 }, goesOn),
  );
  ring.set([record("one", { scopes: ["read"] })]);
  assert.deepEqual([both?.aborted, one?.aborted], [true, false]);
});

test("what a link to every owner's tasks holds ends when its key sees them no more, and another link's goes on", () => {
  using ring = makeKeyRing([], () => 10);
  ring.set([record("one", { scopes: ["read", "admin"] })]);
  const key = ring.find("key one");
  assert.ok(key);
  const scopes: ReadonlySet<Scope> = new Set(["read"]);
  const [own, all] = [false, true].map((all_owners) =>
    ring.endOf(
      { ...key, scopes, token_expires_at: 20, link: { all_owners } },
      goesOn,
    ),
  );
  ring.set([record("one", { scopes: ["read"] })]);
  assert.deepEqual([own?.aborted, all?.aborted], [false, true]);
});

test("what a call held is forgotten with the last call that held it", () => {
  using ring = makeKeyRing([], () => 10);
  ring.set([record("one")]);
  const key = ring.find("key one");
  assert.ok(key);
  const calls = [1, 2, 3].map(() => new AbortController());
  const [first, second, third] = calls.map(({ signal }) => signal);
  const held = [ring.endOf(key, first!), ring.endOf(key, second!)];
  calls[0]?.abort();
  calls[1]?.abort();
  const later = ring.endOf(key, third!);
  const over = ring.endOf(key, AbortSignal.abort());
  ring.set([record("one", { revoked_at: 5 })]);
  assert.deepEqual(
    [...held, later].map((end) => end?.aborted),
    [false, false, true],
  );
  assert.equal(over, later);
});

test("what two calls hold together goes on when one of them ends, and ends with the key", () => {
  using ring = makeKeyRing([], () => 10);
  ring.set([record("one")]);
  const key = ring.find("key one");
  assert.ok(key);
  const call = new AbortController();
  const ends = [ring.endOf(key, call.signal), ring.endOf(key, goesOn)];
  call.abort();
  ring.set([record("one", { revoked_at: 5 })]);
  for (const end of ends) assert.equal(end?.aborted, true);
});
