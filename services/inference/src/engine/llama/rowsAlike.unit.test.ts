import type { Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import type { Share } from "./internals.ts";
import { areRowsAlike, knownRowsAlike } from "./rowsAlike.ts";

/** Whether rows are alike where the last token's probability is what `likely` says for its batch. */
async function alike(
  likely: (batch: Share) => number,
  contextSize = 512,
): Promise<boolean> {
  let latest: Share | undefined;
  const cuts: number[] = [];
  const native = {
    batchSize: 512,
    decode([share]: readonly Share[]) {
      latest = share!;
      assert.ok(latest.position + latest.tokens.length <= contextSize);
      return { logits: [share!.tokens.length - 1], done: Promise.resolve() };
    },
    probabilities: (index: number) => {
      assert.equal(index, latest!.tokens.length - 1);
      return Promise.resolve([7, likely(latest!)]);
    },
    makeSampler: () => ({ native: {}, [Symbol.dispose]: () => undefined }),
    cut: (sequence: number, from: number) => cuts.push(sequence, from) > 0,
  };
  const tokenize = () => [1, 2, 3] as Token[];
  const result = await areRowsAlike(native, { tokenize }, contextSize);
  assert.deepEqual(cuts, [0, 0, 0, 0]);
  return result;
}

test("rows are alike where the last token comes out the same alone", async () => {
  assert.equal(await alike(() => 0.5), true);
});

test("rows are not alike where a last digit differs", async () => {
  const other = 0.5 + Number.EPSILON;
  assert.equal(
    await alike(({ tokens }) => (tokens.length === 1 ? other : 0.5)),
    false,
  );
});

test("rows are not alike where only the longest short prompt is read in another way", async () => {
  const other = ({ tokens }: Share) => (tokens.length === 63 ? 0.6 : 0.5);
  assert.equal(await alike(other), false);
  // There is no prompt of that length in a smaller context.
  assert.equal(await alike(other, 32), true);
});

test("what was found is known at the next start, and of another model or processor nothing", async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), "jetscribe-rows-"));
  t.onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const known = (of: string, look: () => Promise<boolean>) =>
    knownRowsAlike(of, dataDir, look);
  const never = () => assert.fail("it is known");
  for (const found of [true, false]) {
    const of = `a model that says ${found}`;
    assert.equal(await known(of, () => Promise.resolve(found)), found);
    assert.equal(await known(of, never), found);
  }
});
