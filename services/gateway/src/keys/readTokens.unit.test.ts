import type { Scope } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { ApiKeyList, type ApiKey } from "./apiKeys.ts";
import { makeKeyRing } from "./keyRing.ts";
import { makeReadTokens } from "./readTokens.ts";

const id = "abcdef123456";
const record = {
  ...{ id, name: "Team A", prefix: `jsk_${id}`, digest: "0".repeat(64) },
  ...{ scopes: ["generate", "read", "read:text"], created_at: 1 },
  created_by: "env:default",
};

/** A gateway with these API_KEYS and the one made key; its clock can be set. */
function gateway(apiKeys: string) {
  const clock = { now: 1_000 };
  const fromSettings = ApiKeyList.parse(apiKeys);
  const ring = makeKeyRing(fromSettings, () => clock.now);
  ring.set([record]);
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
