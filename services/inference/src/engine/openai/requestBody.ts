/** Pure: a request as the body that the upstream gets. */
import { effectiveParams, type GenerateParams } from "@jetscribe/schema";
import type { EngineRequest } from "../engine.ts";

/** What differs between the upstreams that speak the same API. */
export interface Dialect {
  /** Knows top_k, min_p and a repeat penalty, and has defaults of its own for them. */
  samplesMore: boolean;
  /** Tells the numbers of tokens with each piece of text. */
  countsAlong: boolean;
}

/** By what `/v1/models` says who owns the model; undefined: it doesn't say. */
export const dialectOf = (ownedBy: string | undefined): Dialect => ({
  samplesMore: ownedBy === "vllm" || ownedBy === "llamacpp",
  countsAlong: ownedBy === "vllm",
});

/** The body for `/chat/completions`. */
export const chatBody = (
  { prompt, messages, params }: EngineRequest,
  model: string,
  dialect: Dialect,
) => ({
  ...sampling(params, dialect),
  model,
  max_tokens: params.max_tokens,
  messages: messages ?? [{ role: "user" as const, content: prompt ?? "" }],
});

/** The body for `/completions`, which goes on from what is begun. */
export const completionBody = (
  { prompt = "", params, continueFrom }: EngineRequest,
  model: string,
  dialect: Dialect,
) => ({
  ...sampling(params, dialect),
  model,
  prompt: prompt + (continueFrom?.text ?? ""),
  max_tokens: params.max_tokens - (continueFrom?.tokens ?? 0),
});

function sampling(params: GenerateParams, dialect: Dialect) {
  const { temperature, top_p, seed, stop, logit_bias } = params;
  const { presence_penalty, frequency_penalty } = effectiveParams(params);
  return {
    ...samplingBeyondOpenai(params, dialect),
    temperature,
    top_p,
    presence_penalty,
    frequency_penalty,
    ...(seed !== undefined && { seed }),
    ...(stop && stop.length > 0 && { stop }),
    ...(logit_bias && { logit_bias }),
    ...formOf(params),
    stream: true as const,
    stream_options: {
      include_usage: true,
      ...(dialect.countsAlong && { continuous_usage_stats: true }),
    },
  };
}

/**
 * The options that OpenAI's API does not have. llama-server takes 40 as top_k where none is named, and vLLM what the
 * model's own files say: there our defaults are written out. Others may refuse what they don't know.
 */
function samplingBeyondOpenai(
  params: GenerateParams,
  { samplesMore }: Dialect,
): object {
  const { top_k, min_p, repeat_penalty } = samplesMore
    ? effectiveParams(params)
    : params;
  return {
    // 0 is "all" to us and to new ones, -1 to all of them.
    ...(top_k !== undefined && { top_k: top_k === 0 ? -1 : top_k }),
    ...(min_p !== undefined && { min_p }),
    ...(params.ignore_eos && { ignore_eos: true }),
    // The same by its names in llama-server and in vLLM.
    ...(repeat_penalty !== undefined && {
      repeat_penalty,
      repetition_penalty: repeat_penalty,
    }),
  };
}

/** OpenAI's API wants a schema to have a name. */
function formOf({ response_format: format }: GenerateParams): object {
  if (format === undefined || format.type === "text") return {};
  if (format.type === "json_object") return { response_format: format };
  const json_schema = { name: "answer", ...format.json_schema };
  return { response_format: { type: format.type, json_schema } };
}
