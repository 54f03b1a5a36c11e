import { readConfig } from "@jetscribe/runtime";
import { Scope } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as z from "zod";
import { test } from "vitest";
import { ApiKeyList, type ApiKey } from "./apiKeys.ts";
import { makeKeyRing } from "./keyRing.ts";

const read = (API_KEYS: string) =>
  readConfig(z.object({ API_KEYS: ApiKeyList }), { API_KEYS }).API_KEYS;

function makeFindKey(keys: readonly ApiKey[]) {
  using ring = makeKeyRing(keys, () => 0);
  return ring.find;
}

test("keys have names, and are found by what was given only", () => {
  const keys = read("Team A:secret-1, b:secret:with:colons");
  assert.deepEqual(
    keys.map(({ name, owner }) => [name, owner]),
    [
      ["Team A", "team-a"],
      ["b", "b"],
    ],
  );
  const findKey = makeFindKey(keys);
  assert.equal(findKey("secret-1")?.name, "Team A");
  assert.equal(findKey("secret:with:colons")?.name, "b");
  for (const wrong of ["", "secret", "secret-1 ", "Team A:secret-1"])
    assert.equal(findKey(wrong), undefined);
});

test("the first key has every scope, the others all but admin", () => {
  const [first, second] = read("a:k1,b:k2");
  assert.deepEqual([...first!.scopes], Scope.options);
  const others = Scope.options.filter((scope) => scope !== "admin");
  assert.deepEqual([...second!.scopes], others);
});

test("spaces around a name and a key are no part of them", () => {
  const findKey = makeFindKey(read(" mine : 0123456789abcdef ,\tb:\tk2"));
  assert.equal(findKey("0123456789abcdef")?.name, "mine");
  assert.equal(findKey("k2")?.name, "b");
});

test("a key may be given as its hash, and the hash is no key", () => {
  const hash = createHash("sha256").update("hidden").digest("hex");
  const findKey = makeFindKey(read(`a:sha256:${hash}`));
  assert.equal(findKey("hidden")?.name, "a");
  assert.equal(findKey(hash), undefined);
  assert.equal(findKey(`sha256:${hash}`), undefined);
});

test("a key is found by its digest, without a comparison with each of the others", () => {
  const keys = read(
    Array.from({ length: 1_000 }, (_, i) => `k${i}:secret-${i}`).join(","),
  );
  let compared = 0;
  const counted = keys.map(({ digest, ...key }) => ({
    ...key,
    get digest() {
      compared++;
      return digest;
    },
  }));
  const findKey = makeFindKey(counted);
  const atStart = compared;
  assert.equal(findKey("secret-999")?.name, "k999");
  assert.equal(findKey("secret-1000"), undefined);
  assert.equal(compared, atStart);
});

for (const [wrong, why] of [
  ["justakey", /entry 1: expected name:key/],
  ["a:k1,:k2", /entry 2/],
  ["a:k1,***:k2", /a letter or a digit/],
  ["a:sha256:1234", /64 hex digits/],
  ["a:schlüssel", /ASCII/],
  ["a:one two", /ASCII/],
  ['"a:k1"', /quotes/],
  ["a:'k1'", /quotes/],
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
