import { readConfig } from "@jetscribe/runtime";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as z from "zod";
import { ApiKeyList, findKey } from "./apiKeys.ts";

const read = (API_KEYS: string) =>
  readConfig(z.object({ API_KEYS: ApiKeyList }), { API_KEYS }).API_KEYS;

test("keys have names, and are found by what was given only", () => {
  const keys = read("Team A:secret-1, b:secret:with:colons");
  assert.deepEqual(
    keys.map(({ name, owner }) => [name, owner]),
    [
      ["Team A", "team-a"],
      ["b", "b"],
    ],
  );
  assert.equal(findKey(keys, "secret-1")?.name, "Team A");
  assert.equal(findKey(keys, "secret:with:colons")?.name, "b");
  for (const wrong of ["", "secret", "secret-1 ", "Team A:secret-1"])
    assert.equal(findKey(keys, wrong), undefined);
});

test("a key may be given as its hash, and the hash is no key", () => {
  const hash = createHash("sha256").update("hidden").digest("hex");
  const keys = read(`a:sha256:${hash}`);
  assert.equal(findKey(keys, "hidden")?.name, "a");
  assert.equal(findKey(keys, hash), undefined);
  assert.equal(findKey(keys, `sha256:${hash}`), undefined);
});

for (const [wrong, why] of [
  ["justakey", /entry 1: expected name:key/],
  ["a:k1,:k2", /entry 2/],
  ["a:k1,***:k2", /a letter or a digit/],
  ["a:sha256:1234", /64 hex digits/],
  ["Team A:k1,team-a:k2", /same name/],
  ["a:k1,b:k1", /same key/],
] as const)
  test(`${wrong} is refused, without its keys in the message`, () => {
    assert.throws(
      () => read(wrong),
      (error: Error) => {
        assert.match(error.message, why);
        assert.doesNotMatch(error.message, /k1|k2|justakey|1234/);
        return true;
      },
    );
  });
