import assert from "node:assert/strict";
import { test } from "vitest";
import { ConfigError, readConfig } from "./config.ts";
import { RedisSettings } from "./redisSettings.ts";

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
