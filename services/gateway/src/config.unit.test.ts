import { readConfig } from "@jetscribe/runtime";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Config } from "./config.ts";

const read = (env: Record<string, string>) =>
  readConfig(Config, { API_KEYS: "default:key", ...env });

test("a request never waits past half the time that the log keeps it", () => {
  assert.equal(read({ EVENTS_MAX_AGE: "10h" }).startTimeoutMs, 5 * 3_600_000);
  assert.equal(
    read({ EVENTS_MAX_AGE: "10h", START_TIMEOUT: "1d" }).startTimeoutMs,
    5 * 3_600_000,
  );
  assert.equal(read({ START_TIMEOUT: "60s" }).startTimeoutMs, 60_000);
});

test("the model is called as its file, unless it has a name", () => {
  assert.equal(read({}).modelName, "demo");
  assert.equal(read({ MODEL: "/x/Qwen2.5-7B.gguf" }).modelName, "Qwen2.5-7B");
  assert.equal(read({ MODEL_NAME: "chat" }).modelName, "chat");
  const upstream = { ENGINE: "openai", UPSTREAM_MODEL: "Qwen/Qwen2.5-7B" };
  assert.equal(read(upstream).modelName, "Qwen2.5-7B");
});

test("nobody's forwarded address is believed unless it is said whose", () => {
  assert.equal(read({}).trustProxy, false);
  assert.equal(read({ TRUST_PROXY: "1" }).trustProxy, 1);
  assert.deepEqual(read({ TRUST_PROXY: "127.0.0.1, 10.0.0.0/8" }).trustProxy, [
    "127.0.0.1",
    "10.0.0.0/8",
  ]);
  for (const wrong of ["true", "all", "*", "0.0.0.0/abc"])
    assert.throws(() => read({ TRUST_PROXY: wrong }), /TRUST_PROXY/);
});

test("everything that is wrong is told at once", () => {
  assert.throws(
    () => readConfig(Config, { PORT: "99999", BODY_LIMIT: "big" }),
    /PORT[^]*API_KEYS: is not set[^]*BODY_LIMIT/,
  );
});
