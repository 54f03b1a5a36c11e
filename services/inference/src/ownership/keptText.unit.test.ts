import type { StoredChunk } from "@jetscribe/event-log/tokens/tokens";
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { keptNothing, keptTextOf } from "./keptText.ts";

let seq = 0;
const chunk = (offset: number, text: string, n = 1): StoredChunk => ({
  seq: ++seq,
  time: 100 + seq,
  chunk: {
    worker_id: "w",
    attempt: 1,
    n,
    offset,
    text,
    completion_tokens: offset + text.length,
    prompt_tokens: 7,
  },
});
const marker = (offset: number) => chunk(offset, "", 0);
const textOf = (...chunks: StoredChunk[]) => keptTextOf(chunks).text;

describe("the text that is kept", () => {
  test("is nothing where nothing was streamed", () => {
    assert.deepEqual(keptTextOf([]), keptNothing);
    assert.deepEqual(keptTextOf([marker(0)]), keptNothing);
  });

  test("is the chunks, with the counts of the last and the time of the first", () => {
    const chunks = [marker(0), chunk(0, "ab"), chunk(2, "😀"), marker(4)];
    assert.deepEqual(keptTextOf(chunks), {
      text: "ab😀",
      promptTokens: 7,
      completionTokens: 4,
      firstToken: chunks[1]!.time,
    });
  });

  test("is what the last marker keeps, and what came after it", () => {
    assert.equal(textOf(chunk(0, "abc"), marker(2), chunk(2, "d")), "abd");
    const [lost, again] = [chunk(0, "abc"), chunk(0, "x")];
    const kept = keptTextOf([lost, marker(0), again]);
    assert.deepEqual([kept.text, kept.firstToken], ["x", again.time]);
  });

  test("is nothing where a chunk is missing", () => {
    assert.equal(textOf(chunk(1, "b")), "");
    assert.equal(textOf(chunk(0, "a"), chunk(2, "c")), "");
    assert.equal(textOf(marker(5), chunk(5, "f")), "");
    assert.equal(textOf(chunk(0, "abc"), chunk(1, "x")), "");
  });

  test("is whole again behind a marker that keeps nothing of what has a hole", () => {
    assert.equal(textOf(chunk(1, "b"), marker(0), chunk(0, "x")), "x");
  });

  test("is the whole text, wherever it was cut and taken over", () => {
    const pieces = fc.array(fc.tuple(fc.string(), fc.boolean()));
    fc.assert(
      fc.property(pieces, (all) => {
        let text = "";
        const chunks = all.flatMap(([piece, takenOver]) => {
          const before = takenOver ? [marker(text.length)] : [];
          const one = chunk(text.length, piece);
          text += piece;
          return [...before, one];
        });
        assert.equal(textOf(...chunks), text);
      }),
    );
  });
});
