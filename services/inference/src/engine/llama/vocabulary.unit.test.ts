import assert from "node:assert/strict";
import { test } from "vitest";
import { makeBorderIn } from "./vocabulary.ts";

const usual = { spansWords: false, strips: false, specialTexts: ["<|end|>"] };

test("a text is cut between two words, and behind a special token where those are read", () => {
  const borderIn = makeBorderIn(usual);
  assert.equal(borderIn("some words", false), 4);
  assert.equal(borderIn("a<|end|>b", true), 8);
  assert.equal(borderIn("a<|end|>b", false), undefined);
  assert.equal(borderIn("a b<|end|>b", true), 1);
  for (const none of ["words", "a  b", "a.b", "a, 1", "a\nb", "a 1", ""])
    assert.equal(borderIn(none, true), undefined, none);
  // White space behind a special token may belong to what comes next.
  assert.equal(borderIn("<|end|> b", true), undefined);
});

test("a vocabulary whose tokens reach over a border has none there", () => {
  const text = "some words<|end|>more words";
  const at = (change: Partial<typeof usual>) =>
    makeBorderIn({ ...usual, ...change })(text, true);
  assert.equal(at({}), 4);
  assert.equal(at({ spansWords: true }), 17);
  assert.equal(at({ strips: true }), undefined);
  const specialTexts = ["<|end|>", "|>m"];
  assert.equal(at({ spansWords: true, specialTexts }), undefined);
  assert.equal(at({ spansWords: true, specialTexts: [] }), undefined);
});
