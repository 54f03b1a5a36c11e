/** A model with random weights is one that the engine can load, of the shape that was asked for. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";
import { load } from "../../services/inference/src/engine/llama/load.ts";
import { ensureRandomModel } from "../../bench/randomModel.ts";

const folder = mkdtempSync(join(tmpdir(), "jetscribe-random-"));
afterAll(() => rmSync(folder, { recursive: true }));
const nothing = () => undefined;

test("a small one is loaded, has its shape, and writes", async () => {
  const shape = {
    ...{ layers: 2, dim: 64, ffn: 128, heads: 4, kvHeads: 2 },
    ...{ vocab: 1_024, context: 512 },
  };
  const file = ensureRandomModel(join(folder, "small.gguf"), shape);
  const { model, context } = await load(
    file,
    {
      ...{ engine: "llama", model: file, gpu: "off", threads: 1 },
      ...{ modelsDir: folder, dataDir: folder, slots: 1, contextSize: 256 },
      ...{ fakeMs: 0, fakeTokens: 0 },
    },
    { onProgress: nothing, onWarning: nothing, onThreads: nothing },
  );
  const { metadata } = model.fileInfo;
  assert.deepEqual(
    [model.trainContextSize, metadata.tokenizer.ggml.tokens.length],
    [512, 1_024],
  );
  const llama = metadata.llama as unknown as Record<string, number>;
  assert.equal(llama["block_count"], 2);
  assert.equal(llama["embedding_length"], 64);
  let count = 0;
  const sequence = context.getSequence();
  for await (const _ of sequence.evaluate(model.tokenize("the river")))
    if (++count === 8) break;
  assert.equal(count, 8);
  await context.dispose();
  await model.dispose();
  const { mtimeMs } = statSync(file);
  assert.equal(ensureRandomModel(file, shape), file);
  assert.equal(statSync(file).mtimeMs, mtimeMs);
});
