import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { alikeFrom } from "../sequence.ts";
import { nextPieces } from "./plan.ts";

const batchSize = 512;
/** Numbers and tokens of the next pieces; readers as `[number, pending, readAt]`. */
const plan = (limit: number, ...readers: [number, number, number?][]) =>
  nextPieces(
    readers.map(([number, pending, readAt = 0]) => ({
      ...{ number, pending, readAt },
    })),
    () => limit,
    batchSize,
  ).map(({ reader, tokens }) => [reader.number, tokens]);

/** The lengths of all pieces of a prompt. */
function piecesOf(length: number, limit: number): number[] {
  const pieces: number[] = [];
  for (let pending = length; pending > 0; pending -= pieces.at(-1)!)
    pieces.push(plan(limit, [0, pending])[0]![1]!);
  return pieces;
}

test("a prompt that fits is read at once, and a longer one in nearly even pieces", () => {
  assert.deepEqual(piecesOf(200, 256), [200]);
  assert.deepEqual(piecesOf(300, 256), [172, 128]);
  assert.deepEqual(piecesOf(1_500, 1_000), [476, 512, 512]);
});

test("only the first piece has a tile of 64 that is not full", () => {
  assert.deepEqual(piecesOf(300, 64), [108, 64, 64, 64]);
  assert.deepEqual(piecesOf(300, 100), [108, 64, 64, 64]);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 64, max: 2_000 }),
      (length, limit) => {
        const [, ...others] = piecesOf(length, limit);
        assert.ok(others.every((tokens) => tokens % 64 === 0));
      },
    ),
  );
});

test("no piece is so short that it would be read in another way", () => {
  assert.deepEqual(plan(64, [0, 100]), [[0, 100]]);
  const prompts = fc.tuple(
    fc.integer({ min: alikeFrom, max: 5_000 }),
    fc.integer({ min: alikeFrom, max: 2_000 }),
  );
  fc.assert(
    fc.property(prompts, ([length, limit]) => {
      for (let pending = length; pending > 0;) {
        const [[, tokens = 0] = []] = plan(limit, [0, pending]);
        assert.ok(tokens >= alikeFrom && tokens <= pending);
        assert.ok(tokens <= Math.max(limit, 2 * alikeFrom - 1));
        assert.ok(tokens <= batchSize);
        pending -= tokens;
      }
    }),
  );
});

test("neighbours with as long a piece are read together, as far as they fit", () => {
  const four = [
    [1, 100],
    [2, 100],
    [3, 100],
    [5, 100],
  ] as [number, number][];
  assert.deepEqual(plan(512, ...four), [
    [1, 100],
    [2, 100],
    [3, 100],
  ]);
  assert.deepEqual(plan(250, ...four), [
    [1, 100],
    [2, 100],
  ]);
  assert.deepEqual(plan(512, [1, 100], [2, 101]), [[1, 100]]);
  // In the order of their numbers, whoever has waited longest.
  assert.deepEqual(plan(512, [1, 100, 7], [2, 100, 3]), [
    [1, 100],
    [2, 100],
  ]);
});

test("prompts take turns", () => {
  assert.deepEqual(plan(256, [0, 900, 5], [1, 800, 4]), [[1, 224]]);
  assert.deepEqual(plan(256, [0, 900, 5], [1, 800, 6]), [[0, 196]]);
});

test("as much is read at once as goes with the prompt whose turn it is", () => {
  const readers = [
    { number: 0, pending: 20, readAt: 3 },
    { number: 1, pending: 20, readAt: 2 },
    { number: 2, pending: 600, readAt: 1 },
  ];

  const limitOf = ({ pending }: { pending: number }) =>
    pending < alikeFrom ? 30 : 300;
  const next = () =>
    nextPieces(readers, limitOf, batchSize).map(({ tokens }) => tokens);
  assert.deepEqual(next(), [280]);
  readers.pop();
  assert.deepEqual(next(), [20]);
});
