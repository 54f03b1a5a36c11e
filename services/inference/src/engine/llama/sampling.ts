/** From the request's params to how a token is chosen. */
import type { Llama, LlamaGrammar, Token } from "node-llama-cpp";
import {
  effectiveParams,
  grammarOf,
  objectGrammar,
  type GenerateParams,
} from "@jetscribe/schema";
import { EngineError } from "../engine.ts";
import type { BiasOf } from "./bias.ts";
import type { Sampling } from "./sequence.ts";

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
const lookBack = 256;

/** Throws a ValidationError where `logit_bias` names a token that the model has not. */
export function samplingOf(
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
): Sampling {
  const { temperature, top_p, top_k, min_p, ...rest } = effectiveParams(params);
  const repeat = rest.repeat_penalty;
  const presence = rest.presence_penalty;
  const frequency = rest.frequency_penalty;
  const penalizes = repeat !== 1 || presence !== 0 || frequency !== 0;
  return {
    ...{ temperature, topK: top_k, topP: top_p, minP: min_p },
    // llama.cpp reads 0xffffffff as "any seed".
    seed: seed % 0xffff_ffff,
    bias: biasOf(rest.logit_bias, grammar !== undefined),
    grammar,
    ...(penalizes && {
      penalties: { repeat, presence, frequency, lookBack, written },
    }),
  };
}
