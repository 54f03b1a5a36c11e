/** The bodies of the REST interface. Unknown fields are refused by name. */
import * as z from "zod";
import {
  LogHeld,
  ProjectionAnnouncement,
  WorkerAnnouncement,
} from "../generate/announcements.ts";
import {
  ErrorType,
  GenerateCompleted,
  GroupPolicy,
  Lane,
  Metrics,
} from "../generate/events.ts";
import { isObject } from "../grammar/keywords.ts";
import {
  GenerateParams,
  Message,
  paramDefaults,
  RequestedFormat,
} from "../generate/params.ts";
import { Group, Metadata, UserId } from "./labels.ts";
import { WebhookTarget } from "./webhooks.ts";

const params = GenerateParams.shape;
const maxGroupConcurrency = 1_000;
/** 100 days. */
const longestMs = 8_640_000_000;

const TextPart = z.strictObject({ type: z.literal("text"), text: z.string() });

const textParts = z.array(
  z.discriminatedUnion("type", [TextPart], {
    error: ({ code }) =>
      code === "invalid_union" ? "expected text: no other parts" : undefined,
  }),
);

/** A text, or OpenAI's list of parts, of which only texts are taken. */
export const MessageContent = z
  .union([z.string(), textParts])
  .transform((content) =>
    typeof content === "string"
      ? content
      : content.map(({ text }) => text).join(""),
  );

/** Seconds since the epoch, or a date and time of RFC 3339 with its zone; what comes out is seconds. */
const Moment = z
  .union([z.number().min(0).max(2.8e11), z.iso.datetime({ offset: true })])
  .transform((time) =>
    typeof time === "number" ? time : Date.parse(time) / 1_000,
  );

/** The fields of {@link GenerateRequest}, each by itself. */
export const RequestFields = z.strictObject({
  prompt: z.string().min(1).optional().meta({
    description:
      "One user message, put through the model's own chat template. Either this or `messages`.",
    example: "Explain quantum computing",
  }),
  messages: z
    .array(
      z.strictObject({ role: Message.shape.role, content: MessageContent }),
    )
    .min(1)
    .max(1_000)
    .optional()
    .meta({
      description:
        "The conversation so far, instead of `prompt`. Content is a text, or a list of text parts, which are joined.",
    }),
  model: z.string().min(1).max(256).optional().meta({
    description:
      "Which of the models runs it; the first one if absent. An unknown name is refused with the list of the known ones.",
    example: "demo",
  }),
  raw: z.boolean().default(false).meta({
    description: "Continue `prompt` as it is, without a chat template.",
  }),
  max_tokens: params.max_tokens.default(512).meta({
    description:
      "At most so many tokens are generated; prompt and max_tokens must fit the model's context.",
  }),
  temperature: params.temperature
    .default(0.7)
    .meta({ description: "0 gives the same text every time." }),
  top_p: params.top_p.default(0.9),
  top_k: params.top_k.unwrap().default(paramDefaults.top_k).meta({
    description: "Only so many of the likeliest tokens; 0: all.",
  }),
  min_p: params.min_p.unwrap().default(paramDefaults.min_p).meta({
    description:
      "Only tokens with this share of the likeliest one's probability; 0: all.",
  }),
  repeat_penalty: params.repeat_penalty
    .unwrap()
    .default(paramDefaults.repeat_penalty)
    .meta({ description: "Of tokens generated before; 1: none." }),
  presence_penalty: params.presence_penalty
    .unwrap()
    .default(paramDefaults.presence_penalty),
  frequency_penalty: params.frequency_penalty
    .unwrap()
    .default(paramDefaults.frequency_penalty),
  seed: params.seed.meta({
    description: "Of the sampler; chosen by the worker if absent.",
  }),
  stop: z
    .union([params.stop.unwrap().element, params.stop.unwrap()])
    .transform((stop) => (typeof stop === "string" ? [stop] : stop))
    .optional()
    .meta({
      description:
        "A text or up to 16 that end the answer; they are not part of it.",
    }),
  logit_bias: params.logit_bias.meta({
    description: "By token id: added to the token's logit.",
  }),
  response_format: RequestedFormat.optional().meta({
    description:
      "Hold the answer to JSON, or to a JSON Schema (2020-12). A keyword that could not be kept to is refused by its place and name; an answer has only the properties and items that the schema names.",
  }),
  timeout_ms: z.int().min(1).max(longestMs).optional().meta({
    description:
      "How long it may run, over all attempts, up to the system's own limit; then it fails as TimeoutError, with the text so far as `partial_text`.",
  }),
  start_timeout_ms: z.int().min(1).max(longestMs).optional().meta({
    description:
      "How long it may wait to be started, from its acceptance or its `not_before` on, up to the system's own limit; then it fails as ExpiredError.",
  }),
  cancel_after_ms: z.int().min(1).max(longestMs).optional().meta({
    description:
      "So long after its acceptance the task is cancelled if it has no outcome, whether it waits or runs, over all attempts. The header `Cancel-After` says the same in seconds; of both the earlier one counts.",
  }),
  not_before: Moment.optional().meta({
    description:
      "The task is not started before this time: a date and time of RFC 3339 with its zone, or seconds since the epoch. A time that is over means at once. With `start_timeout_ms`, which counts from then on, it may lie half of EVENTS_MAX_AGE ahead.",
    example: "2026-12-01T02:00:00+01:00",
  }),
  result_ttl_ms: z.int().min(1_000).max(longestMs).optional().meta({
    description:
      "So long after the outcome its texts are shown; then the result has its status and metrics, no text, and `result_expired`. The texts stay in the log.",
  }),
  no_retry: z.boolean().optional().meta({
    description:
      "The first attempt that ends by the death of its engine or its worker fails the task as WorkerCrashed: it is not run a second time. A worker that is told to stop, or loses its lease, still hands the task on.",
  }),
  ignore_eos: params.ignore_eos.meta({
    description:
      "Go on to max_tokens, whatever the model would end with: for benchmarks and tests.",
  }),
  n: z
    .literal(1, "one answer per request: send the request again for another")
    .optional()
    .meta({ description: "Only 1." }),
  lane: Lane.default("interactive").meta({
    description:
      "batch: bulk work, which runs where nothing interactive waits, and gets one in ten tokens where something does.",
  }),
  user_id: UserId.optional().meta({
    description:
      "A label of yours, up to 128 printable characters; it is written to the request log.",
  }),
  metadata: Metadata.optional(),
  webhook: WebhookTarget.optional().meta({
    description:
      "Its outcome is posted there, signed, and without texts. Absent: to the webhook of its key, if that has one.",
  }),
  group: Group.optional().meta({
    description:
      "At most `group_concurrency` tasks of a group run at once, over all workers, in the order of their acceptance. A group is of one key, model and lane. 1 to 64 of a-z, 0-9, _ and -.",
    example: "report-42",
  }),
  group_concurrency: z.int().min(1).max(maxGroupConcurrency).optional().meta({
    description:
      "How many tasks of `group` may run at once; 1 if absent. The group's newest task decides for all of them; what runs already goes on.",
  }),
  group_policy: GroupPolicy.optional().meta({
    description:
      "What the new task does with older ones of `group`. `queue`, the default: nothing. `latest`: it cancels those that wait. `cancel_in_progress`: it cancels those that run, too.",
  }),
});

const onlyInGroup = "only of a task in a group";

/** `when`: on what bodies it is looked whether they have one prompt; absent: on those in which nothing else is wrong. */
const withOnePrompt = (when?: (body: { value: unknown }) => boolean) =>
  RequestFields.refine(
    ({ prompt, messages }) =>
      (prompt === undefined) !== (messages === undefined),
    {
      path: ["prompt"],
      message: "expected exactly one of prompt and messages",
      ...(when && { when }),
    },
  )
    .refine(({ raw, messages }) => !(raw && messages), {
      path: ["raw"],
      message: "only of a prompt: messages go through the chat template",
    })
    .refine(
      ({ group, not_before }) =>
        group === undefined || not_before === undefined,
      {
        path: ["not_before"],
        message: "not of a task in a group: it would keep the group's place",
      },
    )
    .refine(
      ({ group, group_concurrency }) =>
        group !== undefined || group_concurrency === undefined,
      { path: ["group_concurrency"], message: onlyInGroup },
    )
    .refine(
      ({ group, group_policy }) =>
        group !== undefined || group_policy === undefined,
      { path: ["group_policy"], message: onlyInGroup },
    );

/**
 * Null stands for an absent field: that is how clients of typed languages send their optional ones. That there is no
 * prompt is told together with what else is wrong.
 */
export const GenerateRequest = z.preprocess(
  bodyWithoutNulls,
  withOnePrompt(({ value }) => isObject(value)),
);
export type GenerateRequest = z.infer<typeof GenerateRequest>;

/** A request as a client may write it: most fields have a default. */
export type GenerateBody = z.input<typeof RequestFields>;

/**
 * Takes what {@link GenerateRequest} takes, and tells less of what it refuses. Zod can compile it: a check with a `when`
 * can't be compiled.
 */
export const ValidGenerateRequest = z.preprocess(
  bodyWithoutNulls,
  withOnePrompt(),
);

/** A request's fields, each of which may be absent, and then has no default. */
const overrides = Object.fromEntries(
  Object.entries(RequestFields.shape).map(([name, field]) => {
    const inner: z.ZodType =
      field instanceof z.ZodDefault ? field.unwrap() : field;
    return [name, inner.optional().meta(field.meta() ?? {})];
  }),
) as unknown as {
  [Name in keyof typeof RequestFields.shape]: z.ZodOptional<
    (typeof RequestFields.shape)[Name] extends z.ZodDefault<infer Inner>
      ? Inner
      : (typeof RequestFields.shape)[Name]
  >;
};

/**
 * What a retry changes of the request that it repeats. Absent, or null as everywhere: nothing. What it makes of the
 * request is checked as a request.
 */
export const GenerateOverrides = z.preprocess(
  (body) => bodyWithoutNulls(body ?? {}),
  z.strictObject(overrides),
);
export type GenerateOverrides = z.infer<typeof GenerateOverrides>;

/** The fields of each object that may be null. What a schema holds is none of them: there null is a value. */
const optionals = new Map([
  ["body", new Set(Object.keys(RequestFields.shape))],
  ["response_format", new Set(["json_schema"])],
  ["json_schema", new Set(["name", "description", "strict"])],
  ["webhook", new Set(["events"])],
]);

/** A body whose optional fields are absent where they were null. */
export function bodyWithoutNulls(body: unknown): unknown {
  return nullsAsAbsent(body, "body");
}

function nullsAsAbsent(value: unknown, name: string): unknown {
  const fields = optionals.get(name);
  if (fields === undefined || !isObject(value)) return value;
  const present = { ...value };
  for (const [field, inner] of Object.entries(value))
    if (!fields.has(field)) continue;
    else if (inner === null) delete present[field];
    else present[field] = nullsAsAbsent(inner, field);
  return present;
}

const taskId = z.uuid().meta({ description: "A UUIDv7." });

/** The paths of a task's own calls, with the path that a proxy serves the gateway under. */
export const TaskLinks = z.object({
  status: z.string(),
  result: z.string(),
  stream: z.string(),
  cancel: z.string().meta({ description: "To be posted to." }),
  events: z.string(),
});
export type TaskLinks = z.infer<typeof TaskLinks>;

export const AcceptedResponse = z.object({
  task_id: taskId,
  status: z.literal("queued"),
  links: TaskLinks.meta({ description: "Where the task's calls are." }),
});
export type AcceptedResponse = z.infer<typeof AcceptedResponse>;

export const PendingResponse = z.object({
  status: z.enum(["queued", "processing"]),
  task_id: taskId,
});
export type PendingResponse = z.infer<typeof PendingResponse>;

const resultExpired = z.literal(true).optional().meta({
  description:
    "The `result_ttl_ms` of the request is over: the texts are shown no more.",
});

export const CompletedResponse = z.object({
  status: z.literal("completed"),
  task_id: taskId,
  ...GenerateCompleted.omit({
    task_id: true,
    attempt: true,
    worker_id: true,
    seed: true,
    continued: true,
  }).shape,
  result: z.string().optional().meta({
    description: "Absent: the key has no scope `read:text`, or it has expired.",
  }),
  result_expired: resultExpired,
});
const partialText = z.string().optional().meta({
  description:
    "What was written by then; absent where nothing was, where the key has no scope `read:text`, and where it has expired.",
});
export const FailedResponse = z.object({
  status: z.literal("failed"),
  task_id: taskId,
  error_message: z.string(),
  error_type: ErrorType,
  partial_text: partialText,
  result_expired: resultExpired,
  metrics: Metrics,
});
export type FailedResponse = z.infer<typeof FailedResponse>;
export const CancelledResponse = z.object({
  status: z.literal("cancelled"),
  task_id: taskId,
  reason: z.string().optional().meta({
    description:
      "Absent: somebody asked for it. Else why: its `cancel_after_ms` was over, or a newer task of its group took its place.",
  }),
  partial_text: partialText,
  result_expired: resultExpired,
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
  estimated_wait: z.number().nullable().meta({
    description:
      "Seconds until it starts, by the tokens ahead and the workers' speed of late; null when it does not wait, or before any task was finished. Before its `not_before`: the time until then.",
  }),
  attempt: z.int().meta({ description: "Starts so far." }),
  not_before: z.number().optional().meta({
    description:
      "It is not started before this time; absent where its request names none, or one that was over.",
  }),
  enqueue_time: z
    .number()
    .meta({ description: "Seconds since the epoch, as all times." }),
  start_time: z.number().nullable(),
  end_time: z.number().nullable(),
  result_expires_at: z.number().optional().meta({
    description:
      "Until then the texts of the outcome are shown; absent: it has no outcome yet, or its request has no `result_ttl_ms`.",
  }),
  metadata: Metadata.optional().meta({
    description: "Of its request; absent where that has none.",
  }),
});
export type StatusResponse = z.infer<typeof StatusResponse>;

/** The `status` event of a stream. Of a task that waits it says the place, where that is known. */
export type StreamStatus = Pick<
  StatusResponse,
  "task_id" | "status" | "attempt"
> &
  Partial<
    Pick<StatusResponse, "queue_position" | "estimated_wait" | "not_before">
  >;

export const HealthResponse = z.object({
  status: z.enum(["healthy", "degraded", "unhealthy"]),
  nats: z.boolean(),
  redis: z.boolean(),
  workers: z.array(
    WorkerAnnouncement.omit({
      tasks: true,
      running: true,
      leaving: true,
      unanswered: true,
      every_ms: true,
    }).extend({ busy: z.int() }),
  ),
  projections: z
    .array(
      ProjectionAnnouncement.pick({
        name: true,
        seq: true,
        caught_up: true,
        error: true,
        disk: true,
      }),
    )
    .meta({
      description:
        "Who reads the log, and how far; with `error` it stands still.",
    }),
  away: z.array(z.string()).optional().meta({
    description:
      "The services that should read the log and were not heard for 6 s: each is down, or ends again and again.",
  }),
  stores_nothing: z.string().optional().meta({
    description:
      "The broker is connected, and answers nothing that is to be stored: its disk is full, or was. Then `nats` is false.",
  }),
  overdue: z.int().optional().meta({
    description:
      "So many open tasks are past their time, and nobody ended them.",
  }),
  log_full: z.string().optional().meta({
    description:
      "The log has no room for more requests and their outcomes: requests are refused.",
  }),
  log_held: LogHeld.optional().meta({
    description:
      "What the oldest events of the log are kept for, where that is half of it or more.",
  }),
  model_clashes: z.array(z.array(z.string())).optional().meta({
    description:
      "Names of models that workers announce and that are one in the system's subjects: requests for them are refused.",
  }),
  wait_error: z
    .object({ median: z.number(), p90: z.number(), tasks: z.int() })
    .optional()
    .meta({
      description:
        "How wrong the estimated waits of the latest finished tasks were, 1,000 at most, as a share of the real wait; absent before there are any.",
    }),
});
export type HealthResponse = z.infer<typeof HealthResponse>;

/** RFC 9457, with the offending fields. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  /** The limit that was reached, by the name of its setting. */
  limit: z.object({ name: z.string(), value: z.int() }).optional(),
  /** Of a request that may have been accepted all the same. */
  task_id: taskId.optional(),
  errors: z
    .array(z.object({ field: z.string(), message: z.string() }))
    .optional(),
});
export type Problem = z.infer<typeof Problem>;
