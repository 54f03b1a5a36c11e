import type { Scope } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { ApiKeyList, seesAllOwners, type ApiKey } from "./apiKeys.ts";
import { makeKeyRing } from "./keyRing.ts";
import { makeReadTokens } from "./readTokens.ts";

const id = "abcdef123456";
const record = {
  ...{ id, name: "Team A", prefix: `jsk_${id}`, digest: "0".repeat(64) },
  ...{ scopes: ["generate", "read", "read:text"], created_at: 1 },
  created_by: "env:default",
};

/** An administrator's. */
const bossId = "bbbbbb123456";
const boss = {
  ...record,
  ...{ id: bossId, name: "Boss", scopes: ["read", "admin"] },
};

/** A gateway with these API_KEYS and the two made keys; its clock can be set. */
function gateway(apiKeys: string) {
  const clock = { now: 1_000 };
  const fromSettings = ApiKeyList.parse(apiKeys);
  const ring = makeKeyRing(fromSettings, () => clock.now);
  ring.set([record, boss]);
  const tokens = makeReadTokens(fromSettings, ring, () => clock.now);
  const key = ring.withId(id);
  assert.ok(key);
  return {
    clock,
    ring,
    key,
    ...tokens,
    [Symbol.dispose]: ring[Symbol.dispose],
  };
}
const scopesOf = (key: ApiKey | undefined) => key && [...key.scopes];
const both: Scope[] = ["read", "read:text"];

test("a token is its key, for one task, with the right to read and nothing else", async () => {
  using at = gateway("a:one,b:two");
  const token = await at.sign("task-1", at.key, 1_060);
  const read = await at.keyOf(token, "task-1");
  assert.deepEqual([read?.id, read?.owner], [id, "team-a"]);
  assert.deepEqual(scopesOf(read), both);
  assert.equal(await at.keyOf(token, "task-2"), undefined);
  const narrow: ApiKey = { ...at.key, scopes: new Set<Scope>(["read"]) };
  const less = await at.sign("task-1", narrow, 1_060);
  assert.deepEqual(scopesOf(await at.keyOf(less, "task-1")), ["read"]);
});

test("a token ends with its time, with its key, and with the scopes of its key", async () => {
  using at = gateway("a:one");
  const token = await at.sign("task-1", at.key, 1_060);
  at.clock.now = 1_059;
  assert.ok(await at.keyOf(token, "task-1"));
  at.clock.now = 1_060;
  assert.equal(await at.keyOf(token, "task-1"), undefined);
  at.clock.now = 1_000;
  at.ring.set([{ ...record, scopes: ["read"] }]);
  assert.deepEqual(scopesOf(await at.keyOf(token, "task-1")), ["read"]);
  at.ring.set([{ ...record, revoked_at: 5 }]);
  assert.equal(await at.keyOf(token, "task-1"), undefined);
});

test("a link is no token of a task, whatever the task is called", async () => {
  using at = gateway("a:one");
  const rights = { text: true, all_owners: false };
  const link = await at.signLink(at.key, rights, 1_060);
  assert.ok(await at.keyOfLink(link));
  assert.equal(await at.keyOf(link, "dashboard"), undefined);
});

test("a link is its key, with the right to read and nothing else, and is no token of a task", async () => {
  using at = gateway("a:one");
  const rights = { text: true, all_owners: false };
  const link = await at.signLink(at.key, rights, 1_060);
  const read = await at.keyOfLink(link);
  assert.deepEqual([read?.id, read?.owner], [id, "team-a"]);
  assert.deepEqual([scopesOf(read), read?.link], [both, { all_owners: false }]);
  const less = await at.signLink(at.key, { ...rights, text: false }, 1_060);
  assert.deepEqual(scopesOf(await at.keyOfLink(less)), ["read"]);
  const ofTask = await at.sign("dashboard-1", at.key, 1_060);
  assert.equal(await at.keyOfLink(ofTask), undefined);
  assert.equal(await at.keyOf(link, "task-1"), undefined);
  at.clock.now = 1_060;
  assert.equal(await at.keyOfLink(link), undefined);
  at.clock.now = 1_000;
  at.ring.set([{ ...record, scopes: ["generate"] }]);
  assert.equal(await at.keyOfLink(link), undefined);
  at.ring.set([{ ...record, revoked_at: 5 }]);
  assert.equal(await at.keyOfLink(link), undefined);
});

test("a link shows every owner's tasks only while its key sees them", async () => {
  using at = gateway("a:one");
  const all = { text: false, all_owners: true };
  const own = { text: false, all_owners: false };
  const wide = await at.signLink(boss, all, 1_060);
  const narrow = await at.signLink(boss, own, 1_060);
  const seen = async (link: string) => {
    const key = await at.keyOfLink(link);
    return key && [seesAllOwners(key), ...key.scopes];
  };
  assert.deepEqual(await seen(wide), [true, "read"]);
  assert.deepEqual(await seen(narrow), [false, "read"]);
  const forged = await at.signLink(at.key, all, 1_060);
  assert.equal(await at.keyOfLink(forged), undefined);
  at.ring.set([{ ...boss, scopes: ["read"] }]);
  assert.equal(await at.keyOfLink(wide), undefined);
  assert.deepEqual(await seen(narrow), [false, "read"]);
});

test("gateways with the same API_KEYS take each other's tokens, others don't", async () => {
  using one = gateway("a:one,b:two");
  using same = gateway("b:two,a:one");
  using other = gateway("a:one,b:three");
  const token = await one.sign("task-1", one.key, 1_060);
  assert.ok(await same.keyOf(token, "task-1"));
  assert.equal(await other.keyOf(token, "task-1"), undefined);
});

test("what is no token of ours is none", async () => {
  using at = gateway("a:one");
  const token = await at.sign("task-1", at.key, 1_060);
  const [, payload = "", signature = ""] = token.split(".");
  const encode = (part: object) =>
    Buffer.from(JSON.stringify(part)).toString("base64url");
  const claims = { key: id, scope: "read", sub: "task-1", exp: 9e9 };
  for (const forged of [
    "",
    "a.b.c",
    `${encode({ alg: "none" })}.${payload}.`,
    `${encode({ alg: "HS256" })}.${encode(claims)}.${signature}`,
  ])
    assert.equal(await at.keyOf(forged, "task-1"), undefined, forged);
});
