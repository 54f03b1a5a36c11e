import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Slug, slugOf } from "./slug.ts";

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

test("a name without a letter or a digit has no slug", () => {
  for (const name of ["", "...", "---", "日本"])
    assert.throws(() => slugOf(name), RangeError);
});

test("every slug that is made is one, and is its own slug", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 100 }), (text) => {
      const slug = slugOf(`a${text}`);
      assert.equal(Slug.parse(slug), slug);
      assert.equal(slugOf(slug), slug);
    }),
  );
});

test("what could mean something in a subject or a key is refused", () => {
  for (const text of ["", "a.b", "a*", ">", "a=b", "a b", "A", "a\n"])
    assert.ok(!Slug.safeParse(text).success, JSON.stringify(text));
  assert.ok(!Slug.safeParse("x".repeat(65)).success);
});
