import fc from "fast-check";
import type { Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeDrafts } from "./drafts.ts";

const tokens = (text: string) =>
  Array.from(text, (c) => c.charCodeAt(0) as Token);
const textOf = (guessed: Token[]) => String.fromCharCode(...guessed);

test("what followed the same three tokens is guessed", () => {
  const drafts = makeDrafts(tokens("the cat sat. the"), 20);
  assert.equal(drafts.streak, 0);
  assert.equal(textOf(drafts.guess(5)), " cat ");
  assert.equal(textOf(drafts.guess(0)), "");
});

test("what did not stand there before is not guessed", () => {
  const drafts = makeDrafts(tokens("abcdefg"), 20);
  assert.equal(drafts.streak, undefined);
  assert.deepEqual(drafts.guess(5), []);
  for (const few of ["", "a", "ab", "aa"])
    assert.deepEqual(makeDrafts(tokens(few), 9).guess(3), []);
});

test("the latest of several places is followed for as long as it is right", () => {
  const drafts = makeDrafts(tokens("abcX abcYZ! abc"), 20);
  assert.equal(textOf(drafts.guess(3)), "YZ!");
  for (const token of tokens("YZ")) drafts.take(token);
  assert.equal(drafts.streak, 2);
  assert.equal(textOf(drafts.guess(2)), "! ");
  drafts.take(tokens("?")[0]!);
  assert.equal(drafts.streak, undefined);
  for (const token of tokens(" abc")) drafts.take(token);
  assert.equal(drafts.streak, 1);
  assert.equal(textOf(drafts.guess(3)), "YZ?");
});

test("where one token of a copy was replaced the copy is guessed to go on behind it", () => {
  const begun = (copied: string) => {
    const drafts = makeDrafts(tokens("abcdefghijk. fg! abc"), 20);
    for (const token of tokens(copied)) drafts.take(token);
    return drafts;
  };
  const replaced = begun("defgX");
  assert.equal(replaced.streak, 0);
  assert.equal(textOf(replaced.guess(3)), "ijk");
  // Not where the copy is too short to be one, nor where the next guess is wrong as well.
  assert.equal(begun("defX").streak, undefined);
  assert.equal(begun("defgXY").streak, undefined);
  // A place of the same three tokens is likelier.
  assert.equal(textOf(begun("defg!").guess(4)), " abc");
});

test("a text that repeats itself is guessed to go on like that", () => {
  const drafts = makeDrafts(tokens("ababab"), 20);
  assert.equal(textOf(drafts.guess(7)), "abababa");
});

test("a guess is what a search for the latest such place finds", () => {
  const letters = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 80 });
  fc.assert(
    fc.property(letters, letters, (prompt, answer) => {
      const drafts = makeDrafts(prompt as Token[], answer.length);
      const text = [...prompt];
      let source = latestPlace(text);
      let streak = 0;
      for (const token of answer) {
        const guessed = source === undefined ? [] : [text[source]];
        assert.deepEqual(drafts.guess(1), guessed);
        drafts.take(token as Token);
        const right = source !== undefined && text[source] === token;
        text.push(token);
        const copied = streak >= 4 ? source! + 1 : undefined;
        source = right ? source! + 1 : (latestPlace(text) ?? copied);
        streak = right ? streak + 1 : 0;
      }
    }),
  );
});

/** Of four letters no two triples share a hash, so that none is displaced. */
function latestPlace(text: number[]): number | undefined {
  const end = text.length;
  for (let at = end - 1; at >= 3; at--)
    if ([1, 2, 3].every((n) => text[at - n] === text[end - n])) return at;
  return undefined;
}
