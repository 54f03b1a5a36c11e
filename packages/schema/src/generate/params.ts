/** What a request asks of the model: the conversation, and how its answer is sampled. */
import * as z from "zod";
import { grammarOf } from "../grammar/grammarOf.ts";

/** A body of many mistakes is not answered by as many lines. */
const maxProblems = 100;

/** As it is written down; whether it can be kept to was checked when the request came in. */
export const StoredSchema = z.record(z.string(), z.unknown());

/** A schema whose every keyword the answer is held to. */
export const JsonSchema = StoredSchema.superRefine((schema, context) => {
  const { problems = [] } = grammarOf(schema);
  for (const { path, message } of problems.slice(0, maxProblems))
    context.addIssue({ code: "custom", path: [...path], message });
});
export type JsonSchema = z.infer<typeof JsonSchema>;

export const Message = z.object({
  role: z.enum(["system", "user", "assistant"]),
  content: z.string(),
});
export type Message = z.infer<typeof Message>;

/** As OpenAI's: any JSON object, or JSON of a schema. */
const formatWith = (schema: typeof StoredSchema) =>
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("text") }),
    z.strictObject({ type: z.literal("json_object") }),
    z.strictObject({
      type: z.literal("json_schema"),
      json_schema: z.strictObject({
        name: z.string().min(1).max(64).optional(),
        description: z.string().max(1_024).optional(),
        strict: z.boolean().optional(),
        schema,
      }),
    }),
  ]);

/** In an event: a later version may take other schemas, and must still read those that were taken. */
export const ResponseFormat = formatWith(StoredSchema);
export type ResponseFormat = z.infer<typeof ResponseFormat>;

/** In a request: the answer can be held to it. */
export const RequestedFormat = formatWith(JsonSchema);

const penalty = z.number().min(-2).max(2);

/**
 * What each of them does is told where a request is described (`api/generate.ts`). All but the first three are optional:
 * absent means the value that changes nothing.
 */
export const GenerateParams = z.object({
  max_tokens: z.int().min(1).max(32_768),
  temperature: z.number().min(0).max(2),
  top_p: z.number().gt(0).max(1),
  seed: z.int().min(0).max(0xffff_ffff).optional(),
  top_k: z.int().min(0).max(1_000).optional(),
  min_p: z.number().min(0).max(1).optional(),
  repeat_penalty: z.number().gt(0).max(2).optional(),
  presence_penalty: penalty.optional(),
  frequency_penalty: penalty.optional(),
  stop: z.array(z.string().min(1).max(256)).max(16).optional(),
  logit_bias: z
    .record(
      z.string().regex(/^\d{1,7}$/, "token ids only"),
      z.number().min(-100).max(100),
    )
    .refine((bias) => Object.keys(bias).length <= 300, "300 tokens at most")
    .optional(),
  response_format: ResponseFormat.optional(),
  ignore_eos: z.boolean().optional(),
});
export type GenerateParams = z.infer<typeof GenerateParams>;

/** What is in force where a request says nothing. */
export const paramDefaults = {
  top_k: 0,
  min_p: 0,
  repeat_penalty: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
} as const;

/** The params with every default filled in. */
export const effectiveParams = (
  params: GenerateParams,
): GenerateParams & Record<keyof typeof paramDefaults, number> => ({
  ...params,
  top_k: params.top_k ?? paramDefaults.top_k,
  min_p: params.min_p ?? paramDefaults.min_p,
  repeat_penalty: params.repeat_penalty ?? paramDefaults.repeat_penalty,
  presence_penalty: params.presence_penalty ?? paramDefaults.presence_penalty,
  frequency_penalty:
    params.frequency_penalty ?? paramDefaults.frequency_penalty,
});

/** Whether the answer is held to a form by a grammar: then it can't be gone on with, only begun again. */
export const hasForm = ({ response_format }: GenerateParams): boolean =>
  response_format !== undefined && response_format.type !== "text";
