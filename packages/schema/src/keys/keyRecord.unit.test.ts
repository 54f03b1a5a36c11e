import assert from "node:assert/strict";
import { test } from "vitest";
import type { KeyEvent } from "./events.ts";
import { evolveKey, type KeyRecord } from "./keyRecord.ts";

const key_id = "abcdef123456";
const created: KeyEvent = {
  type: "KeyCreated",
  data: {
    ...{ key_id, name: "Team A", prefix: "jsk_abcdef123456" },
    ...{ digest: "0".repeat(64), scopes: ["generate", "read"] },
    ...{ limits: { max_tasks: 3 }, expires_at: 99, by: "env:default" },
    webhook: { url: "https://a.example/hook" },
  },
};
const changed: KeyEvent = {
  type: "KeyChanged",
  data: { key_id, scopes: ["read"], by: "env:default" },
};
const revoked: KeyEvent = {
  type: "KeyRevoked",
  data: { key_id, by: "env:default" },
};
const fold = (...events: KeyEvent[]) =>
  events.reduce<KeyRecord | undefined>(
    (record, event, i) => evolveKey(record, { ...event, seq: i, time: i + 1 }),
    undefined,
  );

test("a created key has its settings, and a change replaces all of them", () => {
  const { key_id: _id, by: _by, ...settings } = created.data;
  const record = { ...settings, id: key_id, created_by: "env:default" };
  assert.deepEqual(fold(created), { ...record, created_at: 1 });
  const {
    limits: _limits,
    expires_at: _expires,
    webhook: _,
    ...fixed
  } = record;
  const after = { ...fixed, scopes: ["read"], created_at: 1 };
  assert.deepEqual(fold(created, changed), after);
});

test("a revoked key stays revoked, whatever comes after", () => {
  const once = fold(created, revoked);
  assert.equal(once?.revoked_at, 2);
  assert.deepEqual(fold(created, revoked, changed, revoked, created), once);
});

test("events of a key that was never created make none", () => {
  assert.equal(fold(changed, revoked), undefined);
});
