/** The bodies of the REST interface. Unknown fields are refused by name. */
import * as z from "zod";
import { Metrics, ErrorType } from "../generate/events.ts";

/** Any character but controls, formats, unassigned ones and the two line separators. */
const printable = /^[^\p{C}\p{Zl}\p{Zp}]*$/u;

export const GenerateRequest = z.strictObject({
  prompt: z.string().min(1).meta({
    description: "One user message, put through the model's own chat template.",
    example: "Explain quantum computing",
  }),
  max_tokens: z.int().min(1).max(32_768).default(512).meta({
    description:
      "At most so many tokens are generated; prompt and max_tokens must fit the model's context.",
  }),
  temperature: z
    .number()
    .min(0)
    .max(2)
    .default(0.7)
    .meta({ description: "0 gives the same text every time." }),
  top_p: z.number().gt(0).max(1).default(0.9),
  seed: z
    .int()
    .min(0)
    .max(0xffff_ffff)
    .optional()
    .meta({ description: "Of the sampler; chosen by the worker if absent." }),
  raw: z.boolean().default(false).meta({
    description: "Continue the text as it is, without a chat template.",
  }),
  user_id: z
    .string()
    .min(1)
    .regex(printable, "printable characters only")
    .refine((text) => [...text].length <= 128, "128 characters at most")
    .optional()
    .meta({
      description:
        "A label of yours, up to 128 printable characters; it is written to the request log.",
    }),
});
export type GenerateRequest = z.infer<typeof GenerateRequest>;

const taskId = z.uuid().meta({ description: "A UUIDv7." });

export const AcceptedResponse = z.object({
  task_id: taskId,
  status: z.literal("queued"),
});
export type AcceptedResponse = z.infer<typeof AcceptedResponse>;

export const PendingResponse = z.object({
  status: z.enum(["queued", "processing"]),
  task_id: taskId,
});
export type PendingResponse = z.infer<typeof PendingResponse>;

export const CompletedResponse = z.object({
  status: z.literal("completed"),
  task_id: taskId,
  result: z.string(),
  finish_reason: z.enum(["stop", "length"]),
  metrics: Metrics,
});
export const FailedResponse = z.object({
  status: z.literal("failed"),
  task_id: taskId,
  error_message: z.string(),
  error_type: ErrorType,
  metrics: Metrics,
});
export const CancelledResponse = z.object({
  status: z.literal("cancelled"),
  task_id: taskId,
  metrics: Metrics,
});

/** What `GET /result` answers with 200. */
export const OutcomeResponse = z.discriminatedUnion("status", [
  CompletedResponse,
  FailedResponse,
  CancelledResponse,
]);
export type OutcomeResponse = z.infer<typeof OutcomeResponse>;

export const StatusResponse = z.object({
  task_id: taskId,
  status: z.enum(["queued", "processing", "completed", "failed", "cancelled"]),
  queue_position: z.int().nullable().meta({
    description:
      "How many tasks start before this one if all owners take turns, itself included; null when it does not wait.",
  }),
  attempt: z.int().meta({ description: "Starts so far." }),
  enqueue_time: z
    .number()
    .meta({ description: "Seconds since the epoch, as all times." }),
  start_time: z.number().nullable(),
  end_time: z.number().nullable(),
});
export type StatusResponse = z.infer<typeof StatusResponse>;

export const HealthResponse = z.object({
  status: z.enum(["healthy", "unhealthy"]),
  nats: z.boolean(),
  redis: z.boolean(),
  workers: z.array(
    z.object({
      worker_id: z.string(),
      model: z.string(),
      engine: z.string(),
      model_loaded: z.boolean(),
      slots: z.int(),
      busy: z.int(),
      error: z.object({ type: z.string(), message: z.string() }).optional(),
    }),
  ),
});
export type HealthResponse = z.infer<typeof HealthResponse>;

/** RFC 9457, with the offending fields. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  /** Of a request that may have been accepted all the same. */
  task_id: taskId.optional(),
  errors: z
    .array(z.object({ field: z.string(), message: z.string() }))
    .optional(),
});
export type Problem = z.infer<typeof Problem>;
