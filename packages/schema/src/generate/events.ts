/**
 * The events of one task, in the order of its life. Each is a CloudEvent in binary mode: the body is the `data` below,
 * the attributes are NATS headers. An event never changes its meaning: add an optional field, or a `.v2` beside it.
 *
 * - task: one prompt and its one outcome
 * - attempt: one start of a task on a worker, counted from 1 over all starts
 * - outcome: exactly one of GenerateCompleted, GenerateFailed, GenerateCancelled; the first in stream order counts
 */
import * as z from "zod";
import { kinds, outcomeWords, type EventType } from "./kinds.ts";
import { GenerateParams, Message } from "./params.ts";

const TaskId = z.uuid();
const Time = z.number().nonnegative().describe("In seconds since the epoch.");
const Duration = z.number().nonnegative().describe("In seconds.");
const Count = z.int().nonnegative();
const Attempt = z
  .int()
  .nonnegative()
  .describe("Counts the starts of a task from 1; 0: never started.");

export const Lane = z.enum(["interactive", "batch"]);
export type Lane = z.infer<typeof Lane>;

/** Of ten tokens, so many are each lane's while tasks wait in both; where one lane has nothing waiting, all are the other's. */
export const laneShares: Readonly<Record<Lane, number>> = {
  interactive: 9,
  batch: 1,
};

export const Metrics = z.object({
  queue_wait_time: Duration.describe(
    "Seconds: first start less enqueue; of a task that never started: outcome less enqueue.",
  ),
  processing_time: Duration.describe(
    "Seconds: outcome less first start, over all attempts.",
  ),
  total_time: Duration.describe(
    "Seconds: queue_wait_time + processing_time, exactly.",
  ),
  prompt_tokens: Count,
  completion_tokens: Count,
  drafted_tokens: Count.optional().describe(
    "Tokens guessed ahead of the model; absent: none were guessed.",
  ),
  accepted_tokens: Count.optional().describe(
    "Of the drafted tokens, those that the model wrote itself.",
  ),
  tokens_per_second: z
    .number()
    .nonnegative()
    .describe("completion_tokens / processing_time; 0 where nothing ran."),
  time_to_first_token: Duration.optional().describe(
    "Seconds: first token less first start; absent where there was none.",
  ),
});
export type Metrics = z.infer<typeof Metrics>;

/**
 * Why a task failed.
 * - ModelLoadError: it expired while every announced worker of the model reported a load error
 * - ValidationError: the prompt does not fit the context, or the template refuses it
 * - TimeoutError: it ran past its timeout_ms
 * - RuntimeError: GPU or native error, or a result over the broker's payload
 * - WorkerCrashed: its engine or worker died MAX_ATTEMPTS times, or once with no_retry
 * - ExpiredError: it waited past its start_timeout_ms
 */
export const ErrorType = z.enum([
  "ModelLoadError",
  "ValidationError",
  "TimeoutError",
  "RuntimeError",
  "WorkerCrashed",
  "ExpiredError",
]);
export type ErrorType = z.infer<typeof ErrorType>;

/**
 * What a new task of a group does with the group's older ones.
 * - queue: nothing; each runs in its turn
 * - latest: cancels those that wait
 * - cancel_in_progress: cancels those that wait, and those that run
 */
export const GroupPolicy = z.enum(["queue", "latest", "cancel_in_progress"]);
export type GroupPolicy = z.infer<typeof GroupPolicy>;

export const TasksAhead = z.object({
  own: Count.describe("Of the same model, lane and owner."),
  others: Count.describe(
    "Of all other queues of the model together, if all owners take turns.",
  ),
});
export type TasksAhead = z.infer<typeof TasksAhead>;

/** An outcome, as its word in subjects. */
export const OutcomeWord = z.enum(outcomeWords);
export type OutcomeWord = z.infer<typeof OutcomeWord>;

/** Where the outcome of a task is told. */
export const Webhook = z.object({
  url: z.string().describe("What is told is posted there."),
  events: z
    .array(OutcomeWord)
    .optional()
    .describe("Only of these outcomes; absent: of each."),
});
export type Webhook = z.infer<typeof Webhook>;

export const GenerateRequested = z.object({
  task_id: TaskId,
  model: z
    .string()
    .describe("The model's name as people see it; its slug is in the subject."),
  lane: Lane,
  owner: z.string().describe("The name of the API key."),
  user_id: z.string().optional(),
  prompt: z
    .string()
    .optional()
    .describe(
      "One user message through the model's chat template, or with `raw` text to be continued. Exactly one of prompt and messages.",
    ),
  messages: z.array(Message).optional(),
  raw: z.boolean().optional(),
  params: GenerateParams,
  timeout_ms: z.int().positive(),
  start_timeout_ms: z.int().positive(),
  cancel_after_ms: z
    .int()
    .positive()
    .optional()
    .describe(
      "Its one deadline, from enqueue_time on: it is cancelled then, whether it waits or runs.",
    ),
  result_ttl_ms: z
    .int()
    .positive()
    .optional()
    .describe(
      "The API shows the texts of its outcome for so long; absent: as long as the log has them.",
    ),
  no_retry: z
    .boolean()
    .optional()
    .describe("The first failure ends it, as if MAX_ATTEMPTS were 1."),
  not_before: Time.optional().describe(
    "It is not started before this time, in seconds since the epoch, and start_timeout_ms counts from then on; absent: at once.",
  ),
  retry_of: TaskId.optional(),
  group: z
    .string()
    .optional()
    .describe(
      "Of the owner's tasks of this model and lane, those whose number at one time is limited. In the request's subject too.",
    ),
  group_concurrency: z
    .int()
    .positive()
    .optional()
    .describe(
      "So many tasks of the group may run at once from this request on; absent: 1.",
    ),
  group_policy: GroupPolicy.optional().describe("Absent: queue."),
  metadata: z.record(z.string(), z.string()).optional(),
  enqueue_time: Time,
  received_time: Time.optional().describe(
    "When the call came in, in seconds since the epoch; absent where that was less than a millisecond before enqueue_time.",
  ),
  tasks_ahead: TasksAhead.optional().describe(
    "How many tasks were to start before it, as it seemed then; absent where that was not known.",
  ),
  estimated_wait: Duration.optional().describe(
    "How many seconds it would wait for its start, as it seemed then; absent where nothing was known of the workers' speed.",
  ),
  reserved_tokens: Count.optional().describe(
    "So many tokens count against its owner's day until its outcome says how many it took; absent: the key had no limit a day.",
  ),
  webhook: Webhook.optional().describe(
    "Where its outcome is told, by its request or by its key; absent: nowhere.",
  ),
  traceparent: z
    .string()
    .optional()
    .describe(
      "W3C Trace Context of the call that made it; absent: the call named no trace, and the task's id is its trace's.",
    ),
});
export type GenerateRequested = z.infer<typeof GenerateRequested>;

export const GenerateStarted = z.object({
  task_id: TaskId,
  attempt: Attempt,
  worker_id: z.string(),
  start_time: Time,
  queue_wait_time: Duration,
  kept_tokens: Count.optional(),
  kept_chars: Count.optional().describe("UTF-16 code units."),
});
export type GenerateStarted = z.infer<typeof GenerateStarted>;

/** `crash`, `hang` and `gone` are failures and count towards MAX_ATTEMPTS; `drain` and `lease` are not. */
export const RetryReason = z.enum(["crash", "hang", "gone", "drain", "lease"]);
export type RetryReason = z.infer<typeof RetryReason>;

export const GenerateRetried = z.object({
  task_id: TaskId,
  attempt: Attempt.describe("The attempt that ended."),
  worker_id: z.string().describe("Whose attempt ended."),
  reason: RetryReason,
  error: z.object({ type: z.string(), message: z.string() }),
  signal: z.string().optional().describe("The signal that ended the engine."),
  stderr_tail: z.string().optional(),
  retry_at: Time,
});
export type GenerateRetried = z.infer<typeof GenerateRetried>;

export const FinishReason = z.enum(["stop", "length"]);
export type FinishReason = z.infer<typeof FinishReason>;

export const GenerateCompleted = z.object({
  task_id: TaskId,
  attempt: Attempt,
  worker_id: z.string(),
  result: z.string(),
  finish_reason: FinishReason,
  metrics: Metrics,
  model: z.string().optional().describe("Its name as people see it."),
  seed: z.int().nonnegative().optional(),
  model_sha256: z.string().optional().describe("Of the model's file."),
  lora_sha256: z
    .string()
    .optional()
    .describe("Of the LoRA adapter that was applied to the model."),
  lora_scale: z
    .number()
    .optional()
    .describe("How strongly the LoRA adapter was applied."),
  quantization: z.string().optional(),
  engine_version: z.string().optional(),
  params: GenerateParams.optional().describe(
    "What was really used, the seed among them.",
  ),
  cached_tokens: Count.optional().describe(
    "Of the prompt's tokens, those that a slot still had from an earlier task.",
  ),
  reasoning: z
    .string()
    .optional()
    .describe(
      "What the model thought before it answered, where the server that runs it tells that apart.",
    ),
  continued: z.boolean().optional(),
});
export type GenerateCompleted = z.infer<typeof GenerateCompleted>;

export const TaskError = z.object({
  type: ErrorType,
  message: z.string(),
  traceback: z.string(),
});
export type TaskError = z.infer<typeof TaskError>;

export const GenerateFailed = z.object({
  task_id: TaskId,
  attempt: Attempt,
  worker_id: z.string().optional(),
  error: TaskError,
  partial_text: z.string().optional(),
  metrics: Metrics,
});
export type GenerateFailed = z.infer<typeof GenerateFailed>;

export const GenerateCancelled = z.object({
  task_id: TaskId,
  by: z
    .string()
    .describe(
      "The name of the key that cancelled; of a task whose cancel_after_ms was over, its owner.",
    ),
  reason: z.string(),
  stage: z.enum(["queued", "processing"]),
  partial_text: z
    .string()
    .optional()
    .describe("A prefix of what was streamed."),
  metrics: Metrics,
});
export type GenerateCancelled = z.infer<typeof GenerateCancelled>;

/** Every event type: its schema, its word in the subject, and whether it ends the task. */
export const eventTypes = {
  GenerateRequested: { schema: GenerateRequested, ...kinds.GenerateRequested },
  GenerateStarted: { schema: GenerateStarted, ...kinds.GenerateStarted },
  GenerateRetried: { schema: GenerateRetried, ...kinds.GenerateRetried },
  GenerateCompleted: { schema: GenerateCompleted, ...kinds.GenerateCompleted },
  GenerateFailed: { schema: GenerateFailed, ...kinds.GenerateFailed },
  GenerateCancelled: { schema: GenerateCancelled, ...kinds.GenerateCancelled },
} as const;

/** What happened to a task: the type and its data. */
export type TaskEvent = {
  [T in EventType]: {
    type: T;
    data: z.infer<(typeof eventTypes)[T]["schema"]>;
  };
}[EventType];

/** An event that stands in the log. */
export type RecordedEvent = TaskEvent & {
  /** Its sequence in EVENTS. */
  seq: number;
  /** When the broker stored it, in seconds since the epoch. */
  time: number;
};

export type OutcomeEvent = Extract<
  TaskEvent,
  { type: "GenerateCompleted" | "GenerateFailed" | "GenerateCancelled" }
>;

/**
 * The message id, by which the broker drops repeats: one per attempt for started and retried, and one for all
 * outcomes of a task, so that of two outcomes within the duplicate window one is taken.
 */
export function messageId(event: TaskEvent): string {
  const { task_id } = event.data;
  if (kinds[event.type].outcome) return `${task_id}.outcome`;
  const id = `${task_id}.${eventTypes[event.type].word}`;
  return "attempt" in event.data ? `${id}.${event.data.attempt}` : id;
}
