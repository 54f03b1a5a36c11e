import fc from "fast-check";
import assert from "node:assert/strict";
import * as z from "zod";
import { test } from "vitest";
import { ConfigError, readConfig } from "./config.ts";
import { natsUrl, redisUrl, RedisSettings } from "./serverUrl.ts";

const Config = z.object({
  NATS_URL: natsUrl("nats://127.0.0.1:4222"),
  REDIS_URL: redisUrl("redis://127.0.0.1:6379"),
});
const isTaken = (env: Record<string, string>) => {
  try {
    assert.deepEqual(Object.entries(readConfig(Config, env)).length, 2);
    return true;
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(
      error.problems.map(({ name }) => name),
      Object.keys(env),
    );
    // The message repeats nothing of the value.
    for (const value of Object.values(env))
      for (const piece of value.split(/[^a-z]+/).filter((p) => p.length > 8))
        assert.ok(!error.message.includes(piece), error.message);
    return false;
  }
};

test("addresses are taken as their clients take them", () => {
  assert.deepEqual(readConfig(Config, {}), {
    NATS_URL: "nats://127.0.0.1:4222",
    REDIS_URL: "redis://127.0.0.1:6379",
  });
  for (const NATS_URL of [
    ...["nats://a:4222", "a:4222", "127.0.0.1", "tls://a", "nats://[::1]:4222"],
    ...["nats://u:p@a:4222,b:4222,c", "nats://token@a", "nats://a/"],
    "nats://u:p%40s%2Fs%25@a:4222",
  ])
    assert.ok(isTaken({ NATS_URL }), NATS_URL);
  for (const REDIS_URL of [
    ...["redis://a", "redis://a:6379/0", "rediss://u:p@a:6379/15"],
    ...["redis://:p%40ss%2Fw@a", "redis://a:6379/", "redis://a?family=6"],
  ])
    assert.ok(isTaken({ REDIS_URL }), REDIS_URL);
});

test("a password that is not encoded is refused by the setting's name, and not shown", () => {
  for (const password of ["secretive%", "secretive/w", "p@secretive", "a#b"]) {
    assert.ok(!isTaken({ NATS_URL: `nats://u:${password}@a:4222` }), password);
    assert.ok(!isTaken({ REDIS_URL: `redis://:${password}@a:6379` }), password);
  }
  assert.ok(!isTaken({ NATS_URL: "nats://u:secretive,w@a:4222" }));
  for (const wrong of ["http://a", "redis:", "a:6379", "redis://a/keyspace"])
    assert.ok(!isTaken({ REDIS_URL: wrong }), wrong);
});

test("every password is taken once it is encoded", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (password) => {
      const auth = `u:${encodeURIComponent(password.toWellFormed())}`;
      assert.ok(isTaken({ NATS_URL: `nats://${auth}@a:4222` }));
      assert.ok(isTaken({ REDIS_URL: `redis://${auth}@a:6379/1` }));
    }),
  );
});

const prefixOf = (REDIS_PREFIX: string) =>
  readConfig(RedisSettings, { REDIS_PREFIX }).REDIS_PREFIX;

test("a prefix is words with a colon after each", () => {
  assert.equal(prefixOf(""), "jetscribe:");
  for (const right of ["jetscribe:", "team-1:llm_2.x:", "tasks:", "A:task2:"])
    assert.equal(prefixOf(right), right);
});

test("what is no prefix is refused in one line by the setting's name: a letter of a pattern, a word that begins our keys, or one that another prefix could run into", () => {
  for (const wrong of [
    ...["jetscribe", ":", "a::", "a:b", "a b:", " a:", "ü:", "a:\n"],
    ...["a*:", "a?:", "[a]:", "a\\:", "a^:"],
    ...["task:", "a:queue:", "open:a:"],
  ])
    assert.throws(
      () => prefixOf(wrong),
      (error) =>
        error instanceof ConfigError &&
        error.problems.length === 1 &&
        /^REDIS_PREFIX: expected words .*jetscribe:/.test(
          error.message.split("\n  ")[1] ?? "",
        ),
      JSON.stringify(wrong),
    );
});
