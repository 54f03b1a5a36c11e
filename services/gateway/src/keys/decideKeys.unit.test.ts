import {
  ChangeKeyRequest,
  CreateKeyRequest,
  type KeyRecord,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import * as z from "zod";
import { ApiKeyList } from "./apiKeys.ts";
import { changeKey, createKey, revokeKey, type Now } from "./decideKeys.ts";

const made = {
  key_id: "a".repeat(12),
  prefix: "jsk_a",
  digest: "0".repeat(64),
};
const record: KeyRecord = {
  ...{ id: "b".repeat(12), name: "Team B", prefix: "jsk_b" },
  ...{ digest: "1".repeat(64), scopes: ["read"], expires_at: 200 },
  ...{ limits: { max_tasks: 2 }, created_at: 1, created_by: "env:a" },
};
const now = (more: Partial<KeyRecord> = {}): Now => ({
  records: new Map([[record.id, { ...record, ...more }]]),
  fromSettings: ApiKeyList.parse("a:secret"),
  nowS: 100,
  by: "env:a",
});
const create = (request: object, at = now()) =>
  createKey(CreateKeyRequest.parse(request), made, at).data;
const change = (request: object, at = now()) =>
  changeKey(record.id, ChangeKeyRequest.parse(request), at).data;
const conflict = { name: "ApiError", code: "key_conflict" };

test("a new key has all scopes but admin, unless others are named", () => {
  assert.deepEqual(create({ name: "c" }), {
    ...{ ...made, name: "c", by: "env:a" },
    scopes: ["generate", "read", "read:text", "cancel", "metrics"],
  });
  const limits = { tokens_per_day: 5 };
  assert.deepEqual(create({ name: "c", scopes: ["read"], limits }), {
    ...{ ...made, name: "c", by: "env:a", scopes: ["read"], limits },
  });
});

test("a lifetime counts from now, and an expiry has to come", () => {
  assert.deepEqual(create({ name: "c", expires_in: 60 }), {
    ...create({ name: "c" }),
    expires_at: 160,
  });
  assert.deepEqual(create({ name: "c", expires_at: 101 }), {
    ...create({ name: "c" }),
    expires_at: 101,
  });
  assert.throws(() => create({ name: "c", expires_at: 100 }), {
    code: "invalid_request",
  });
  // Milliseconds by mistake, and what no calendar has.
  for (const expires_at of [1_795_894_184_000, 1e308]) {
    assert.throws(() => create({ name: "c", expires_at }), z.ZodError);
    assert.throws(() => change({ expires_at }), z.ZodError);
  }
});

test("a name that any key has had is refused, unless the key is to share it", () => {
  for (const name of ["Team B", "a"]) {
    assert.throws(() => create({ name }), conflict);
    assert.ok(create({ name, rotate: true }));
  }
  for (const name of ["team-b", "A"])
    assert.throws(() => create({ name, rotate: true }), conflict);
  // The tasks outlive their key, and an expired key can be prolonged.
  for (const ended of [{ revoked_at: 50 }, { expires_at: 100 }]) {
    assert.throws(() => create({ name: "Team B" }, now(ended)), conflict);
    assert.ok(create({ name: "Team B", rotate: true }, now(ended)));
    const other = { name: "team-b", rotate: true };
    assert.throws(() => create(other, now(ended)), conflict);
  }
});

test("a change keeps what it does not name", () => {
  const { id: key_id, scopes, limits } = record;
  const same = { key_id, scopes, limits, expires_at: 200, by: "env:a" };
  assert.deepEqual(change({}), same);
  assert.deepEqual(change({ scopes: ["cancel"] }), {
    ...same,
    scopes: ["cancel"],
  });
  const { expires_at: _, ...forEver } = same;
  assert.deepEqual(change({ expires_at: null }), forEver);
  assert.deepEqual(change({ expires_in: 5 }), { ...same, expires_at: 105 });
  const webhook = { url: "https://a.example/hook" };
  const with_webhook = { ...same, webhook };
  assert.deepEqual(change({ webhook }), with_webhook);
  assert.deepEqual(change({}, now({ webhook })), with_webhook);
  assert.deepEqual(change({ webhook: null }, now({ webhook })), same);
  assert.deepEqual(create({ name: "c", webhook }), {
    ...create({ name: "c" }),
    webhook,
  });
  assert.deepEqual(change({ limits: {} }), { ...same, limits: {} });
  assert.throws(() => change({}, now({ revoked_at: 1 })), conflict);
});

test("a key is revoked once, and a key of the settings never", () => {
  const data = { key_id: record.id, by: "env:a" };
  assert.deepEqual(revokeKey(record.id, now()), { type: "KeyRevoked", data });
  assert.equal(revokeKey(record.id, now({ revoked_at: 1 })), undefined);
  assert.throws(() => revokeKey("env:a", now()), conflict);
  assert.throws(() => revokeKey("c", now()), { code: "not_found" });
});
