/** One generation on one slot. */
import { randomInt } from "node:crypto";
import type { LlamaModel } from "node-llama-cpp";
import {
  EngineError,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
} from "../engine.ts";
import { makeAnswer } from "./answer.ts";
import type { BiasOf } from "./bias.ts";
import type { Prompt } from "./prompt.ts";
import { grammarFor, samplingOf } from "./sampling.ts";
import type { Sequence } from "./sequence.ts";

/** Where a generation runs. */
export interface Place {
  model: LlamaModel;
  /** Tokens that the slot holds. */
  contextSize: number;
  /** The slot's. */
  sequence: Sequence;
  biasOf: BiasOf;
}

/**
 * Reads the prompt and what is begun, then writes up to `max_tokens`. The caller has checked that prompt and max_tokens
 * fit; a begun text may read as more tokens than it was written with, and then the context's end ends the text.
 */
export async function generate(
  { model, contextSize, sequence, biasOf }: Place,
  prompt: Prompt,
  { params, continueFrom, owner }: EngineRequest,
  { signal, onText, onRead }: GenerateOptions,
): Promise<EngineResult> {
  const promptTokens = prompt.tokens.length;
  if (promptTokens === 0)
    throw new EngineError("ValidationError", "the prompt has no tokens");
  const tokens = [...prompt.tokens, ...prompt.begun];
  const begun = continueFrom ?? { text: "", tokens: 0 };
  const room = contextSize - tokens.length;
  const most = Math.min(params.max_tokens, begun.tokens + room);
  const answer = makeAnswer(model, prompt, params, { begun, most, onText });
  if (begun.tokens >= most)
    return { ...answer.end(), promptTokens, cachedTokens: 0 };

  const seed = params.seed ?? randomInt(2 ** 32);
  const grammar = await grammarFor(model.llama, params);
  const { written } = answer;
  let [drafted, accepted] = [0, 0];
  const cachedTokens = await sequence.write({
    ...{ tokens, owner, signal, onRead },
    goesOn: continueFrom !== undefined,
    most: most - begun.tokens,
    sampling: samplingOf(params, { seed, grammar, biasOf, written }),
    onToken: answer.take,
    onDrafted(some, right) {
      drafted += some;
      accepted += right;
    },
  });
  return {
    ...answer.end(),
    promptTokens,
    cachedTokens: Math.min(cachedTokens, promptTokens),
    seed,
    ...(drafted > 0 && { draftedTokens: drafted, acceptedTokens: accepted }),
  };
}
