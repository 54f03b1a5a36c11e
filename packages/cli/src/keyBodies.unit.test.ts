import assert from "node:assert/strict";
import { test } from "vitest";
import { CliError } from "./exit.ts";
import { changeBody, createBody } from "./keyBodies.ts";

const now = Date.UTC(2026, 10, 29);
const isUsage = (error: unknown) =>
  error instanceof CliError && error.exitCode === 64;

test("a new key has what the options name, and nothing else", () => {
  assert.deepEqual(createBody("a", {}, now), { name: "a" });
  const options = { scopes: "read, cancel", maxTasks: "4", rotate: true };
  assert.deepEqual(createBody("a", { ...options, expiresIn: "12h" }, now), {
    ...{ name: "a", scopes: ["read", "cancel"], limits: { max_tasks: 4 } },
    ...{ expires_in: 43_200, rotate: true },
  });
  assert.deepEqual(createBody("a", { expiresIn: "never" }, now), { name: "a" });
  assert.deepEqual(createBody("a", { expiresAt: "1795962725" }, now), {
    ...{ name: "a", expires_at: 1_795_962_725 },
  });
});

test("of a key's limits those stay that no option names", () => {
  const had = { max_tasks: 4, tokens_per_day: 9 };
  const options = { maxTasks: "none", requestsPerMinute: "2" };
  assert.deepEqual(changeBody(options, had, now), {
    limits: { tokens_per_day: 9, requests_per_minute: 2 },
  });
  assert.deepEqual(changeBody({ expiresIn: "never" }, had, now), {
    expires_at: null,
  });
});

test("a webhook is set with its outcomes, and removed", () => {
  const webhook = "https://receiver.example/hook";
  const webhookEvents = "failed, cancelled";
  const set = { url: webhook, events: ["failed", "cancelled"] };
  assert.deepEqual(createBody("a", { webhook, webhookEvents }, now), {
    ...{ name: "a", webhook: set },
  });
  assert.deepEqual(changeBody({ webhook }, {}, now), {
    webhook: { url: webhook },
  });
  assert.deepEqual(changeBody({ webhook: "none" }, {}, now), { webhook: null });
  assert.deepEqual(createBody("a", { webhook: "none" }, now), { name: "a" });
});

test("what can't be meant is told before the gateway is asked", () => {
  assert.throws(() => changeBody({}, {}, now), isUsage);
  for (const webhook of [{}, { webhook: "none" }])
    assert.throws(
      () => changeBody({ ...webhook, webhookEvents: "failed" }, {}, now),
      isUsage,
    );
  for (const maxTasks of ["-1", "many", "1.5", ""])
    assert.throws(() => createBody("a", { maxTasks }, now), isUsage);
  assert.throws(() => createBody("a", { expiresIn: "soon" }, now), isUsage);
  const both = { expiresIn: "1d", expiresAt: "2026-12-31" };
  assert.throws(() => createBody("a", both, now), isUsage);
});
