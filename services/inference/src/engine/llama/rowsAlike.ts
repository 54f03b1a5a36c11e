/**
 * Whether llama.cpp computes few tokens of a sequence in one batch as it does each of them alone, bit for bit. That is a
 * matter of the weights' type and of the processor, so it is looked at with the model itself.
 */
import type { LlamaModel, Token } from "node-llama-cpp";
import { join } from "node:path";
import * as z from "zod";
import { openFacts } from "./facts.ts";
import type { Native } from "./internals.ts";
import { alikeFrom } from "./sequence.ts";

/** As many as the longest prompt of the kind that relies on it. */
const count = alikeFrom - 1;
const text = "Once upon a time there was a river that nobody had seen.";
/** All candidates as they are. */
const plain = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 };

type Opened = Pick<
  Native,
  "batchSize" | "cut" | "decode" | "makeSampler" | "probabilities"
>;

/**
 * What `look` found at an earlier start, since it takes a large model a while. `of` names all that it depends on; `dataDir`
 * keeps it, in `rows-alike.json`.
 */
export async function knownRowsAlike(
  of: string,
  dataDir: string,
  look: () => Promise<boolean>,
): Promise<boolean> {
  const facts = openFacts(join(dataDir, "rows-alike.json"), z.boolean());
  const known = facts.get(of);
  if (known !== undefined) return known;
  const found = await look();
  facts.set(of, found);
  return found;
}

/** `contextSize`: tokens that a sequence can have. Reads a short prompt twice into the first sequence, which is empty before and after that. */
export async function areRowsAlike(
  native: Opened,
  model: Pick<LlamaModel, "tokenize">,
  contextSize: number,
): Promise<boolean> {
  const words = model.tokenize(text);
  if (words.length === 0) return false;
  const tokens = Array.from(
    { length: Math.min(count, contextSize, native.batchSize) },
    (_, i) => words[i % words.length]!,
  );
  const atOnce = await read(native, [tokens]);
  const inTwo = await read(native, [tokens.slice(0, -1), tokens.slice(-1)]);
  return (
    atOnce.length > 0 &&
    atOnce.length === inTwo.length &&
    atOnce.every((value, i) => value === inTwo[i])
  );
}

/** In these pieces; how likely each token is after the last one. */
async function read(
  native: Opened,
  pieces: readonly (readonly Token[])[],
): Promise<readonly number[]> {
  using sampler = native.makeSampler(plain);
  let position = 0;
  let last = 0;
  for (const tokens of pieces) {
    const { logits, done } = native.decode([
      { sequence: 0, position, tokens, drafted: 0 },
    ]);
    await done;
    position += tokens.length;
    last = logits[0]!;
  }
  const likely = await native.probabilities(last, sampler);
  native.cut(0, 0);
  return likely;
}
