/**
 * The bodies of the calls that speak OpenAI's API. A field that would change the answer, and that no worker can keep to,
 * is refused by name; a field that changes nothing but OpenAI's own service is ignored.
 */
import * as z from "zod";
import { FinishReason } from "../generate/events.ts";
import { isObject } from "../grammar/keywords.ts";
import { bodyWithoutNulls, MessageContent, RequestFields } from "./generate.ts";

const fields = RequestFields.shape;

const unsupported = z
  .never("is not supported")
  .optional()
  .meta({ description: "Refused." });
const ignored = z.unknown().optional().meta({ description: "Ignored." });
/** Refused, but for what says the same as an absent field. */
const only = <T extends z.ZodType>(schema: T) =>
  schema.optional().meta({ description: "Only this, which changes nothing." });
const none = z.array(z.never("is not supported")).max(0, "is not supported");

const StreamOptions = z.strictObject({
  include_usage: z.boolean().optional().meta({
    description: "A last chunk without choices tells the numbers of tokens.",
  }),
  include_obfuscation: ignored,
});

/** What both calls take. */
const shared = {
  model: fields.model,
  max_tokens: fields.max_tokens,
  temperature: fields.temperature,
  top_p: fields.top_p,
  presence_penalty: fields.presence_penalty,
  frequency_penalty: fields.frequency_penalty,
  seed: fields.seed,
  stop: fields.stop,
  logit_bias: fields.logit_bias,
  n: fields.n,
  stream: z.boolean().default(false).meta({
    description:
      "Server-Sent Events: chunks as the text comes, and last `[DONE]`.",
  }),
  stream_options: StreamOptions.optional(),
  user: fields.user_id,
  top_k: fields.top_k,
  min_p: fields.min_p,
  repeat_penalty: fields.repeat_penalty,
  ignore_eos: fields.ignore_eos,
  lane: fields.lane,
  timeout_ms: fields.timeout_ms,
  start_timeout_ms: fields.start_timeout_ms,
  no_retry: fields.no_retry,
  metadata: fields.metadata,
};

const ChatMessage = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant"]).meta({
    description: "`developer` is taken as `system`.",
  }),
  content: MessageContent,
  tool_calls: only(none.nullable()),
  function_call: unsupported.nullable(),
  audio: unsupported.nullable(),
  name: ignored,
  refusal: ignored,
  annotations: ignored,
  reasoning_content: ignored,
});

/** OpenAI's clients of typed languages send null for an absent field. */
const withoutNulls = (body: unknown): unknown =>
  isObject(body)
    ? bodyWithoutNulls(
        Object.fromEntries(
          Object.entries(body).filter(([, value]) => value !== null),
        ),
      )
    : body;

/** The body of `POST /v1/chat/completions`. */
export const ChatCompletionRequest = z.preprocess(
  withoutNulls,
  z.strictObject({
    messages: z.array(ChatMessage).min(1).max(1_000).meta({
      description:
        "The conversation so far, put through the model's own chat template. Content is a text, or a list of text parts.",
    }),
    ...shared,
    max_completion_tokens: fields.max_tokens
      .unwrap()
      .optional()
      .meta({ description: "Goes before `max_tokens`." }),
    response_format: fields.response_format,
    modalities: only(z.array(z.literal("text", "is not supported"))),
    logprobs: only(z.literal(false, "is not supported")),
    top_logprobs: only(z.literal(0, "is not supported")),
    tools: only(none),
    tool_choice: only(z.enum(["none", "auto"], "is not supported")),
    functions: only(none),
    function_call: only(z.enum(["none", "auto"], "is not supported")),
    audio: unsupported,
    reasoning_effort: unsupported,
    verbosity: unsupported,
    web_search_options: unsupported,
    parallel_tool_calls: ignored,
    prediction: ignored,
    prompt_cache_key: ignored,
    prompt_cache_retention: ignored,
    safety_identifier: ignored,
    service_tier: ignored,
    store: ignored,
  }),
);
export type ChatCompletionRequest = z.infer<typeof ChatCompletionRequest>;

/** The body of `POST /v1/completions`. */
export const CompletionRequest = z.preprocess(
  withoutNulls,
  z.strictObject({
    prompt: z
      .union([
        fields.prompt.unwrap(),
        z.tuple([fields.prompt.unwrap()]).transform(([prompt]) => prompt),
      ])
      .meta({ description: "One text, which the model continues as it is." }),
    ...shared,
    best_of: only(z.literal(1, "is not supported")),
    echo: only(z.literal(false, "is not supported")),
    logprobs: unsupported,
    suffix: unsupported,
  }),
);
export type CompletionRequest = z.infer<typeof CompletionRequest>;

const Count = z.int().nonnegative();

export const OpenaiUsage = z.object({
  prompt_tokens: Count,
  completion_tokens: Count,
  total_tokens: Count,
  prompt_tokens_details: z.object({ cached_tokens: Count }).optional(),
});
export type OpenaiUsage = z.infer<typeof OpenaiUsage>;

const head = {
  id: z.string().meta({
    description:
      "The task's id behind `chatcmpl-` or `cmpl-`: `GET /result/<task_id>` has the same text.",
  }),
  created: z.int().meta({ description: "Seconds since the epoch." }),
  model: z.string(),
};
const choice = { index: z.literal(0), logprobs: z.null() };
const ended = { ...choice, finish_reason: FinishReason };
const open = { ...choice, finish_reason: FinishReason.nullable() };
const chunkUsage = {
  usage: OpenaiUsage.nullable().optional().meta({
    description: "Only with `include_usage`; null in all chunks but the last.",
  }),
};

export const ChatCompletion = z.object({
  ...head,
  object: z.literal("chat.completion"),
  choices: z.tuple([
    z.object({
      ...ended,
      message: z.object({
        role: z.literal("assistant"),
        content: z.string(),
        refusal: z.null(),
        reasoning_content: z.string().optional().meta({
          description:
            "What the model thought before it answered, where the server that runs it tells that apart.",
        }),
      }),
    }),
  ]),
  usage: OpenaiUsage,
});
export type ChatCompletion = z.infer<typeof ChatCompletion>;

export const ChatCompletionChunk = z.object({
  ...head,
  object: z.literal("chat.completion.chunk"),
  choices: z
    .array(
      z.object({
        ...open,
        delta: z.object({
          role: z.literal("assistant").optional(),
          content: z.string().optional(),
        }),
      }),
    )
    .max(1),
  ...chunkUsage,
});
export type ChatCompletionChunk = z.infer<typeof ChatCompletionChunk>;

export const Completion = z.object({
  ...head,
  object: z.literal("text_completion"),
  choices: z.tuple([z.object({ ...ended, text: z.string() })]),
  usage: OpenaiUsage,
});
export type Completion = z.infer<typeof Completion>;

export const CompletionChunk = z.object({
  ...head,
  object: z.literal("text_completion"),
  choices: z.array(z.object({ ...open, text: z.string() })).max(1),
  ...chunkUsage,
});
export type CompletionChunk = z.infer<typeof CompletionChunk>;

export const OpenaiModel = z.object({
  id: z.string().meta({ description: "As `model` of a request has it." }),
  object: z.literal("model"),
  created: z.int().meta({
    description: "When this gateway started, in seconds since the epoch.",
  }),
  owned_by: z.literal("jetscribe"),
});
export type OpenaiModel = z.infer<typeof OpenaiModel>;

export const OpenaiModelList = z.object({
  object: z.literal("list"),
  data: z.array(OpenaiModel),
});

export const OpenaiError = z.object({
  error: z.object({
    message: z.string(),
    type: z.enum(["invalid_request_error", "rate_limit_error", "server_error"]),
    param: z.string().nullable().meta({
      description: "The first field of the request that is wrong.",
    }),
    code: z.string().nullable(),
  }),
});
export type OpenaiError = z.infer<typeof OpenaiError>;
