/** From the request's params to the library's options. */
import {
  isLlamaText,
  LlamaGrammarEvaluationState,
  TokenBias,
  type Llama,
  type LlamaGrammar,
  type LlamaModel,
  type SequenceEvaluateOptions,
  type Token,
} from "node-llama-cpp";
import { effectiveParams, type GenerateParams } from "@jetscribe/schema";
import { EngineError } from "../engine.ts";

/** The grammar that the answer is held to. */
export interface Form {
  grammar: LlamaGrammar | undefined;
  /** Texts that end an answer that the grammar would let go on. */
  stops: string[];
}

/** Rejects with a ValidationError where no grammar can be made of the schema. */
export async function formOf(
  llama: Llama,
  { response_format: format }: GenerateParams,
): Promise<Form> {
  if (format === undefined || format.type === "text")
    return { grammar: undefined, stops: [] };
  try {
    const grammar =
      format.type === "json_object"
        ? await llama.getGrammarFor("json")
        : await llama.createGrammarForJsonSchema(
            // It was checked where it came in; the library's type is for schemas that are written down in code.
            format.json_schema.schema as { type: "object" },
          );
    const stops = grammar.stopGenerationTriggers.map(textOf).filter(Boolean);
    return { grammar, stops };
  } catch (cause) {
    throw new EngineError(
      "ValidationError",
      "no grammar can be made of the schema in response_format",
      { cause },
    );
  }
}

const textOf = (
  trigger: LlamaGrammar["stopGenerationTriggers"][number],
): string =>
  typeof trigger === "string" || isLlamaText(trigger)
    ? trigger.toString()
    : trigger.filter((part) => typeof part === "string").join("");

/** The penalties look back at so many tokens of the answer. */
const penalized = 256;

/** Every option by name: the library's defaults (top-k 40, top-p 0.95) are not what the API promises. */
export function sampling(
  model: LlamaModel,
  params: GenerateParams,
  {
    seed,
    form: { grammar },
    written,
  }: {
    seed: number;
    form: Form;
    /** The tokens of the answer so far; grows. */
    written: readonly Token[];
  },
): SequenceEvaluateOptions {
  const { temperature, top_p, top_k, min_p, ...rest } = effectiveParams(params);
  const { repeat_penalty, presence_penalty, frequency_penalty } = rest;
  const penalizes =
    repeat_penalty !== 1 || presence_penalty !== 0 || frequency_penalty !== 0;
  return {
    temperature,
    topK: top_k,
    topP: top_p,
    minP: min_p,
    // llama.cpp reads 0xffffffff as "any seed".
    seed: seed % 0xffff_ffff,
    yieldEogToken: true,
    ...(penalizes && {
      repeatPenalty: {
        punishTokens: () => written.slice(-penalized),
        penalty: repeat_penalty,
        presencePenalty: presence_penalty,
        frequencyPenalty: frequency_penalty,
      },
    }),
    ...(rest.logit_bias && { tokenBias: biasOf(model, rest.logit_bias) }),
    ...(grammar && {
      grammarEvaluationState: new LlamaGrammarEvaluationState({
        model,
        grammar,
      }),
    }),
  };
}

function biasOf(model: LlamaModel, biases: Record<string, number>): TokenBias {
  const bias = TokenBias.for(model);
  const { tokenizer } = model.fileInfo.metadata;
  const known = tokenizer.ggml.tokens.length;
  for (const [id, logit] of Object.entries(biases)) {
    if (Number(id) >= known)
      throw new EngineError(
        "ValidationError",
        `logit_bias names token ${id}; the model has ${known}`,
      );
    bias.set(Number(id) as Token, { logit });
  }
  return bias;
}
