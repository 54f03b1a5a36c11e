import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { slugIfAny, slugOf } from "./slug.ts";

/** What can stand in a subject or a key without meaning something there. */
const plain = /^[a-z0-9_-]{1,64}$/;

const names = [
  ["Qwen2.5-7B-Q4_K_M", "qwen2-5-7b-q4_k_m"],
  ["demo", "demo"],
  ["  Team A  ", "team-a"],
  ["a.*.>=b", "a-b"],
  ["Zoë", "zo"],
  ["x".repeat(70), "x".repeat(64)],
] as const;

for (const [name, slug] of names)
  test(`the slug of ${name} is ${slug}`, () =>
    assert.equal(slugOf(name), slug));

test("a name of any script has a slug of its own, however its letters are composed", () => {
  const names = ["模型", "モデル", "Модель", "मॉडल", "نموذج", "٣"];
  const slugs = names.map(slugOf);
  assert.equal(new Set(slugs).size, names.length);
  for (const slug of slugs) assert.match(slug, /^u-[0-9a-f]{16}$/);
  for (const form of ["NFC", "NFD"])
    assert.deepEqual(
      names.map((name) => slugOf(name.normalize(form))),
      slugs,
    );
  assert.equal(slugOf("модель"), slugOf("МОДЕЛЬ"));
  assert.equal(slugOf("模型"), "u-641e9277a3262aca");
});

test("a name without a letter or a digit has no slug", () => {
  for (const name of ["", "...", "---", "🦙", "…"])
    assert.throws(
      () => assert.equal(slugIfAny(name), undefined) ?? slugOf(name),
      RangeError,
    );
});

test("every slug that is made is one, and its own slug unless it was cut", () => {
  for (const first of ["a", "模"])
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 100 }), (text) => {
        const slug = slugOf(first + text);
        assert.match(slug, plain);
        // Where it was cut it may end with a hyphen.
        if (slug.length < 64) assert.equal(slugOf(slug), slug);
      }),
    );
});
