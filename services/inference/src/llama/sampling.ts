/** From the request's params to the library's options. */
import {
  LlamaGrammarEvaluationState,
  type Llama,
  type LlamaGrammar,
  type LlamaModel,
  type SequenceEvaluateOptions,
  type Token,
} from "node-llama-cpp";
import {
  effectiveParams,
  grammarOf,
  objectGrammar,
  type GenerateParams,
} from "@jetscribe/schema";
import { EngineError } from "../engine.ts";
import type { BiasOf } from "./bias.ts";

/** What holds the answer to its form. Rejects with a ValidationError where a schema can't be kept to. */
export async function grammarFor(
  llama: Llama,
  { response_format: format }: GenerateParams,
): Promise<LlamaGrammar | undefined> {
  if (format === undefined || format.type === "text") return undefined;
  const grammar =
    format.type === "json_object"
      ? objectGrammar()
      : schemaGrammar(format.json_schema.schema);
  return await llama.createGrammar({ grammar });
}

/** Requests with other schemas are not accepted; one of an earlier version may be in the log. */
function schemaGrammar(schema: Record<string, unknown>): string {
  const { grammar, problems } = grammarOf(schema);
  if (grammar !== undefined) return grammar.gbnf;
  throw new EngineError(
    "ValidationError",
    `the answer can't be held to the schema: ${problems[0]?.message ?? ""}`,
  );
}

/** The penalties look back at so many tokens of the answer. */
const penalized = 256;

/** Every option by name: the library's defaults (top-k 40, top-p 0.95) are not what the API promises. */
export function sampling(
  model: LlamaModel,
  params: GenerateParams,
  {
    seed,
    grammar,
    biasOf,
    written,
  }: {
    seed: number;
    grammar: LlamaGrammar | undefined;
    biasOf: BiasOf;
    /** The tokens of the answer so far; grows. */
    written: readonly Token[];
  },
): SequenceEvaluateOptions {
  const { temperature, top_p, top_k, min_p, ...rest } = effectiveParams(params);
  const { repeat_penalty, presence_penalty, frequency_penalty } = rest;
  const tokenBias = biasOf(rest.logit_bias, grammar !== undefined);
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
    ...(tokenBias && { tokenBias }),
    ...(grammar && {
      grammarEvaluationState: new LlamaGrammarEvaluationState({
        model,
        grammar,
      }),
    }),
  };
}
