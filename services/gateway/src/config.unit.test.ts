import { readConfig } from "@jetscribe/runtime";
import assert from "node:assert/strict";
import { test } from "vitest";
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

test("a public path is a path, with or without a slash at its end", () => {
  for (const none of ["", "/"])
    assert.equal(read({ PUBLIC_PATH: none }).publicPath, "");
  for (const path of ["/llm", "/llm/"])
    assert.equal(read({ PUBLIC_PATH: path }).publicPath, "/llm");
  assert.equal(read({ PUBLIC_PATH: "/a/b-c.d" }).publicPath, "/a/b-c.d");
  for (const wrong of [
    "llm",
    "https://a/llm",
    "/a b",
    "/a?b",
    "//a",
    "/ä",
    "/..",
  ])
    assert.throws(() => read({ PUBLIC_PATH: wrong }), /PUBLIC_PATH/);
});

test("pages of other origins may call only where it is said which", () => {
  assert.deepEqual(read({}).corsOrigins, []);
  assert.equal(read({ CORS_ORIGINS: "*" }).corsOrigins, "*");
  const given = "https://A.example/, http://localhost:3000,https://b:443";
  assert.deepEqual(read({ CORS_ORIGINS: given }).corsOrigins, [
    ...["https://a.example", "http://localhost:3000", "https://b"],
  ]);
  for (const wrong of ["a.example", "https://a/b", "https://*.a", "on", ","])
    assert.throws(() => read({ CORS_ORIGINS: wrong }), /CORS_ORIGINS/, wrong);
});

test("everything that is wrong is told at once", () => {
  assert.throws(
    () => readConfig(Config, { PORT: "99999", BODY_LIMIT: "big" }),
    /PORT[^]*API_KEYS: is not set[^]*BODY_LIMIT/,
  );
});
