import assert from "node:assert/strict";
import { test } from "vitest";
import { joinChunks, type TokenChunk } from "./tokens.ts";

const chunk = (
  attempt: number,
  n: number,
  offset: number,
  text: string,
): TokenChunk => ({
  ...{ worker_id: "w", attempt, n, offset, text },
  ...{ completion_tokens: offset + text.length, prompt_tokens: 3 },
});

test("no chunks make no text", () => {
  const { text, attempt, whole } = joinChunks([]);
  assert.deepEqual(
    { text, attempt, whole },
    { text: "", attempt: 0, whole: true },
  );
});

test("chunks make their text, with the counts of the last one", () => {
  const joined = joinChunks([chunk(1, 1, 0, "one "), chunk(1, 2, 4, "two")]);
  assert.deepEqual(joined, {
    ...{ text: "one two", attempt: 1, n: 2, whole: true },
    ...{ prompt_tokens: 3, completion_tokens: 7 },
  });
});

test("a marker keeps so much of the text as it says", () => {
  const before = [chunk(1, 1, 0, "one "), chunk(1, 2, 4, "two")];
  const after = [chunk(2, 0, 4, ""), chunk(2, 1, 4, "2")];
  assert.equal(joinChunks([...before, ...after]).text, "one 2");
  assert.equal(joinChunks([...before, chunk(2, 0, 0, "")]).text, "");
});

test("a hole is seen, and what comes after it is left out", () => {
  const { text, whole } = joinChunks([
    chunk(1, 1, 0, "a"),
    chunk(1, 3, 2, "c"),
  ]);
  assert.deepEqual({ text, whole }, { text: "a", whole: false });
  assert.equal(joinChunks([chunk(1, 2, 4, "two")]).whole, false);
  const overlapping = [chunk(1, 1, 0, "one "), chunk(1, 2, 2, "two")];
  assert.equal(joinChunks(overlapping).whole, false);
});

test("a start from the beginning mends a hole before it", () => {
  const chunks = [
    chunk(1, 2, 4, "two"),
    chunk(2, 0, 0, ""),
    chunk(2, 1, 0, "x"),
  ];
  const { text, whole } = joinChunks(chunks);
  assert.deepEqual({ text, whole }, { text: "x", whole: true });
});
