import fc from "fast-check";
import type { Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { makeTextStream } from "./textStream.ts";

/** Tokens that stand for any bytes, as those of a byte-level vocabulary do. */
function makeVocabulary() {
  const all: Uint8Array[] = [];
  return {
    tokenOf: (bytes: Uint8Array) => (all.push(bytes) - 1) as Token,
    detokenize: (tokens: readonly Token[]) =>
      Buffer.concat(tokens.map((token) => all[token]!)).toString(),
  };
}

/** What a stream gives for each token, and at its end. */
function piecesOf(chunks: Uint8Array[], stops: string[] = []) {
  const { tokenOf, detokenize } = makeVocabulary();
  const stream = makeTextStream(detokenize, stops);
  const pieces: string[] = [];
  for (const chunk of chunks) {
    pieces.push(stream.push(tokenOf(chunk)));
    if (stream.stopped) break;
  }
  return { pieces: [...pieces, stream.end()], stopped: stream.stopped };
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const inWords = (text: string) =>
  text.match(/ ?[^ ]+/g)!.map((word) => Buffer.from(word));

/** A text, cut into tokens anywhere, also within a character. */
const cutText = fc
  .tuple(
    fc.string({ unit: "binary" }).filter((text) => !text.includes("\uFFFD")),
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
  )
  .map(([text, lengths]) => {
    const whole = Buffer.from(text);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < whole.length;) {
      const length = lengths[chunks.length % lengths.length] ?? 1;
      chunks.push(whole.subarray(at, (at += length)));
    }
    return { text, chunks };
  });

describe("a text stream", () => {
  test("gives the whole text in whole characters, wherever tokens cut it", () => {
    fc.assert(
      fc.property(cutText, ({ text, chunks }) => {
        const { pieces } = piecesOf(chunks);
        assert.equal(pieces.join(""), text);
        for (const piece of pieces) {
          assert.ok(piece.isWellFormed());
          assert.ok(!piece.includes("\uFFFD"));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("gives a character with the token that completes it", () => {
    const [a, b, c, d] = Buffer.from("😀");
    const { pieces } = piecesOf([bytes(0x61, a!), bytes(b!, c!), bytes(d!)]);
    assert.deepEqual(pieces, ["a", "", "😀", ""]);
  });

  test("does not wait for ever for a character that is broken", () => {
    const lone = bytes(0xf0);
    const { pieces } = piecesOf([lone, lone, lone, lone, bytes(0x61)]);
    assert.deepEqual(pieces, ["", "", "", "\uFFFD".repeat(4), "a", ""]);
  });

  test("drops a character that the end cuts", () => {
    const cut = Buffer.from("a😀").subarray(0, 4);
    assert.deepEqual(piecesOf([cut]).pieces, ["a", ""]);
  });

  test("never gives a stop text, nor its beginning, nor what follows", () => {
    const stops = ["</s>", "User:"];
    const { pieces, stopped } = piecesOf(
      inWords("yes < /s </ s> </s> no"),
      stops,
    );
    assert.equal(stopped, true);
    assert.deepEqual(pieces, ["yes", " ", "< /s", " ", "</ s>", " ", ""]);
    assert.deepEqual(piecesOf(inWords("a Us er: b"), stops).pieces, [
      ...["a", " ", "Us er:", " b", ""],
    ]);
  });

  test("gives what could have become a stop text when the text ends", () => {
    const { pieces, stopped } = piecesOf(inWords("yes </s"), ["</s>"]);
    assert.deepEqual(pieces, ["yes", " ", "</s"]);
    assert.equal(stopped, false);
  });

  test("stops at the first of several stop texts", () => {
    const { pieces } = piecesOf([Buffer.from("one B two A")], ["A", "B"]);
    assert.deepEqual(pieces, ["one ", ""]);
  });

  test("lets a tokenizer see the tokens before", () => {
    const seen: number[][] = [];
    const stream = makeTextStream(
      (tokens, _special, before) => {
        seen.push([...before]);
        return "x".repeat(tokens.length);
      },
      [],
      [1, 2] as Token[],
    );
    for (const token of [3, 4, 5, 6] as Token[]) stream.push(token);
    assert.deepEqual(seen, [
      [1, 2],
      [1, 2, 3],
      [1, 2, 3, 4],
      [2, 3, 4, 5],
    ]);
  });
});
