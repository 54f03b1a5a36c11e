/** What the draft model decodes and guesses, over a context that only counts. */
import type { Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { test } from "vitest";
import type { Native, Share } from "../internals.ts";
import { makeDraftModel } from "./draftModel.ts";

const limits = { tokens: 64, threads: 2 };
const vocabulary = 1_000;
const ann = "ann";
const tokensOf = (...tokens: number[]) => tokens as Token[];
const numbers = (count: number) =>
  Array.from({ length: count }, (_, i) => i as Token);

/** A draft model that guesses each number's next one; its batches as `sequence@position:tokens`, and what it cut. */
function open({ onBatch = () => undefined }: { onBatch?: () => void } = {}) {
  const batches: string[] = [];
  const cuts: [number, number][] = [];
  const threads: number[] = [];
  let latest: readonly Share[] = [];
  const native: Native = {
    ...{ batchSize: 512, cutsBack: true, rowsAlike: false },
    probabilities: () => Promise.resolve([]),
    decode(shares) {
      latest = shares;
      batches.push(
        shares
          .map((s) => `${s.sequence}@${s.position}:${s.tokens.join(",")}`)
          .join(" "),
      );
      return { logits: [...shares.keys()], done: Promise.try(onBatch) };
    },
    sample: (index) =>
      Promise.resolve((latest[index]!.tokens.at(-1)! + 1) as Token),
    makeSampler: () => ({ native: {}, [Symbol.dispose]: () => undefined }),
    isWhole: () => true,
    cut: (sequence, from) => cuts.push([sequence, from]) > 0,
    setThreads: (count) => void threads.push(count),
  };
  const model = makeDraftModel(native, 4, vocabulary);
  return { model, batches, cuts, threads };
}

test("it reads the prompt, and guesses one token after the other", async () => {
  const { model, batches, threads } = open();
  const drafts = model.begin(2, tokensOf(7, 8, 9), ann);
  assert.equal(drafts.streak, 0);
  assert.deepEqual(drafts.guess(3), []);
  assert.equal(await model.draft([{ sequence: 2, count: 3 }], limits), true);
  assert.deepEqual(drafts.guess(3), [10, 11, 12]);
  assert.deepEqual(drafts.guess(1), [10]);
  // The last guess is not decoded: nothing is guessed after it.
  assert.deepEqual(batches, ["2@0:7,8,9", "2@3:10", "2@4:11"]);
  assert.deepEqual(threads, [2]);
});

test("its cells follow what was accepted: a refused guess is cut away with those after it", async () => {
  const { model, batches, cuts } = open();
  const drafts = model.begin(0, tokensOf(1), ann);
  const wishes = [{ sequence: 0, count: 4 }];
  await model.draft(wishes, limits);
  batches.length = 0;
  for (const token of tokensOf(2, 3, 50)) drafts.take(token);
  assert.equal(drafts.streak, 0);
  assert.deepEqual(drafts.guess(4), []);
  await model.draft(wishes, limits);
  assert.deepEqual(cuts, [[0, 3]]);
  assert.deepEqual(batches, ["0@3:50", "0@4:51", "0@5:52", "0@6:53"]);
  // All were right: what was not decoded of them is read with the token after them.
  batches.length = 0;
  for (const token of tokensOf(51, 52, 53, 54, 55)) drafts.take(token);
  assert.equal(drafts.streak, 4);
  await model.draft([{ sequence: 0, count: 1 }], limits);
  assert.deepEqual(cuts, [[0, 3]]);
  assert.deepEqual(batches, ["0@7:54,55"]);
  assert.deepEqual(drafts.guess(1), [56]);
});

test("all texts are drafted in one batch, each by its own count", async () => {
  const { model, batches } = open();
  const [one, other, none] = [
    ...[model.begin(0, tokensOf(1), ann), model.begin(1, tokensOf(5), ann)],
    model.begin(3, tokensOf(9), ann),
  ] as const;
  const counts = [
    ...[
      { sequence: 0, count: 1 },
      { sequence: 1, count: 3 },
    ],
    { sequence: 3, count: 0 },
  ];
  await model.draft(counts, limits);
  assert.deepEqual(batches, ["0@0:1 1@0:5", "1@1:6", "1@2:7"]);
  assert.deepEqual(one.guess(9), [2]);
  assert.deepEqual(other.guess(9), [6, 7, 8]);
  assert.deepEqual(none.guess(9), []);
});

test("a long text is read in pieces before it is drafted", async () => {
  const { model, batches } = open();
  const drafts = model.begin(0, numbers(150), ann);
  const wishes = [{ sequence: 0, count: 1 }];
  const results = [];
  do results.push(await model.draft(wishes, limits));
  while (drafts.guess(1).length === 0);
  assert.deepEqual(results, [false, false, false, true]);
  assert.deepEqual(
    batches.map((batch) => batch.split(":")[1]!.split(",").length),
    [64, 64, 21, 1],
  );
  assert.deepEqual(drafts.guess(1), [150]);
});

test("what its cells have of the next prompt is not read again", async () => {
  const { model, batches, cuts } = open();
  model.begin(0, numbers(10), ann);
  await model.draft([{ sequence: 0, count: 2 }], limits);
  batches.length = 0;
  model.begin(0, [...numbers(8), ...tokensOf(70, 71)], ann);
  await model.draft([{ sequence: 0, count: 1 }], limits);
  assert.deepEqual(cuts, [[0, 8]]);
  assert.deepEqual(batches, ["0@8:70,71"]);
});

test("what its cells have of another owner's prompt is read again", async () => {
  const { model, batches, cuts } = open();
  model.begin(0, numbers(10), ann);
  await model.draft([{ sequence: 0, count: 2 }], limits);
  batches.length = 0;
  model.begin(0, numbers(3), "bob");
  await model.draft([{ sequence: 0, count: 1 }], limits);
  assert.deepEqual(cuts, [[0, 0]]);
  assert.deepEqual(batches, ["0@0:0,1,2"]);
});

test("tokens that only one of the models has are neither guessed nor read", async () => {
  const { model } = open();
  const drafts = model.begin(0, tokensOf(vocabulary - 2), ann);
  await model.draft([{ sequence: 0, count: 5 }], limits);
  assert.deepEqual(drafts.guess(5), [vocabulary - 1]);
  drafts.take(vocabulary as Token);
  assert.equal(drafts.streak, undefined);
  assert.equal(model.begin(1, tokensOf(vocabulary), ann).streak, undefined);
});

test("after an error its cells are emptied, and read anew", async () => {
  const broken = new Error("no");
  let fails = false;
  const { model, batches, cuts } = open({
    onBatch() {
      if (fails) throw broken;
    },
  });
  const drafts = model.begin(0, tokensOf(1, 2), ann);
  const wishes = [{ sequence: 0, count: 1 }];
  await model.draft(wishes, limits);
  drafts.take(9 as Token);
  fails = true;
  await assert.rejects(model.draft(wishes, limits), broken);
  fails = false;
  batches.length = 0;
  await model.draft(wishes, limits);
  assert.deepEqual(cuts, [[0, 0]]);
  assert.deepEqual(batches, ["0@0:1,2,9"]);
});
