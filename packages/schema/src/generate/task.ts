/**
 * The life of a task, as one pure function that every projection folds events with:
 *
 *   queued ──started──▶ processing ──completed, failed, cancelled──▶ the outcome, for ever
 *     ▲                     │
 *     └──────retried────────┘
 */
import type {
  GenerateCancelled,
  GenerateCompleted,
  GenerateFailed,
  GenerateRequested,
  Metrics,
  OutcomeEvent,
  OutcomeWord,
  RecordedEvent,
  RetryReason,
  TaskError,
} from "./events.ts";
import { cancelReasons, outcomeWords } from "./kinds.ts";
import { longParamsBytes } from "./longParams.ts";
import { cancelRunningAfterS, endStartedAfterS } from "./protocolTimes.ts";

/** What the request fixed, and how far it has come. The prompt is not kept: it is in the log. */
interface TaskProgress extends Pick<
  GenerateRequested,
  | "task_id"
  | "model"
  | "lane"
  | "owner"
  | "user_id"
  | "metadata"
  | "enqueue_time"
  | "timeout_ms"
  | "start_timeout_ms"
  | "estimated_wait"
  | "reserved_tokens"
  | "cancel_after_ms"
  | "no_retry"
  | "not_before"
  | "result_ttl_ms"
  | "group"
  | "group_concurrency"
  | "traceparent"
> {
  /** The sequence of its GenerateRequested: its place in the queue. */
  seq: number;
  /** At most so many tokens are generated. */
  max_tokens: number;
  /** The outcomes that its webhook is told of; absent: it has none. The address stands in the request. */
  webhook?: readonly OutcomeWord[];
  /** Bytes of parameters that its outcome repeats, where these are many: a JSON schema, say. */
  params_bytes?: number;
  /** The attempt that runs, ran last or brought the outcome; 0: never started. */
  attempt: number;
  /** How many attempts ended in `crash`, `hang` or `gone`. */
  failures: number;
  /** start_time of the first GenerateStarted. */
  first_start?: number;
  /** After the first attempt: when it began to wait again, or to run again. */
  since?: number;
}

interface TaskEnd extends TaskProgress {
  /** When the broker stored the outcome. */
  end_time: number;
  /** The outcome's sequence in the log. */
  end_seq: number;
  metrics: Metrics;
}

export interface QueuedTask extends TaskProgress {
  status: "queued";
}
export interface ProcessingTask extends TaskProgress {
  status: "processing";
  first_start: number;
  worker_id: string;
}

type Completion = Pick<
  GenerateCompleted,
  | "result"
  | "finish_reason"
  | "params"
  | "cached_tokens"
  | "reasoning"
  | "model_sha256"
  | "lora_sha256"
  | "lora_scale"
  | "quantization"
  | "engine_version"
>;

/** What an event and a state say alike of a completed task. */
export function completionOf(from: Completion): Completion {
  const { params, cached_tokens, reasoning, model_sha256 } = from;
  const { lora_sha256, lora_scale, quantization, engine_version } = from;
  const { result, finish_reason } = from;
  const completion: Completion = { result, finish_reason };
  if (params !== undefined) completion.params = params;
  if (cached_tokens !== undefined) completion.cached_tokens = cached_tokens;
  if (reasoning !== undefined) completion.reasoning = reasoning;
  if (model_sha256 !== undefined) completion.model_sha256 = model_sha256;
  if (lora_sha256 !== undefined) completion.lora_sha256 = lora_sha256;
  if (lora_scale !== undefined) completion.lora_scale = lora_scale;
  if (quantization !== undefined) completion.quantization = quantization;
  if (engine_version !== undefined) completion.engine_version = engine_version;
  return completion;
}

export interface CompletedTask extends TaskEnd, Completion {
  status: "completed";
}
export interface FailedTask extends TaskEnd {
  status: "failed";
  error: Omit<TaskError, "traceback">;
  partial_text?: string;
}
export interface CancelledTask extends TaskEnd {
  status: "cancelled";
  /** Absent: somebody asked for it. */
  reason?: string;
  partial_text?: string;
}
export type OpenTask = QueuedTask | ProcessingTask;
export type EndedTask = CompletedTask | FailedTask | CancelledTask;
export type TaskState = OpenTask | EndedTask;

/** Whether the task has no outcome yet. */
export const isOpen = (task: TaskState): task is OpenTask =>
  task.status === "queued" || task.status === "processing";

/** Whether the task waits for its `not_before`, or has waited for it and was not started since. */
export const isScheduled = ({ status, attempt, not_before }: TaskState) =>
  not_before !== undefined && status === "queued" && attempt === 0;

/** When a task is cancelled that has no outcome by then, in seconds since the epoch; undefined: it has no such deadline. */
export const cancelAtOf = ({
  enqueue_time,
  cancel_after_ms,
}: Pick<TaskState, "enqueue_time" | "cancel_after_ms">): number | undefined =>
  cancel_after_ms === undefined
    ? undefined
    : enqueue_time + cancel_after_ms / 1_000;

interface Deadline {
  /** In seconds since the epoch. */
  at: number;
  /** How the task ends then. */
  end: "ExpiredError" | "TimeoutError" | "cancelled";
}

/**
 * When an open task ends by itself, and as what. A task that was not started yet waits for `start_timeout_ms` from its
 * `not_before` on, where it has one. A task that was started has its whole time from its first start on,
 * whether it runs or was handed back and waits. The worker of a running task ends it before, so that the text is whole.
 */
export function deadlineOf(task: OpenTask): Deadline {
  const deadline = timeLimitOf(task);
  const cancelAt = cancelAtOf(task);
  if (cancelAt === undefined) return deadline;
  const at =
    cancelAt + (task.status === "processing" ? cancelRunningAfterS : 0);
  return at <= deadline.at ? { at, end: "cancelled" } : deadline;
}

function timeLimitOf(task: OpenTask): Deadline {
  const { first_start, enqueue_time, start_timeout_ms, timeout_ms } = task;
  const { not_before = enqueue_time } = task;
  if (first_start === undefined)
    return { at: not_before + start_timeout_ms / 1_000, end: "ExpiredError" };
  const at = first_start + timeout_ms / 1_000 + endStartedAfterS;
  return { at, end: "TimeoutError" };
}

/** Why a task is cancelled that nobody asked to cancel. */
export type CancelledBecause = Exclude<keyof typeof cancelReasons, "asked">;

/** The cancel that nobody asked for. `metrics`, `partial_text`: of what was generated. */
export const cancelledBecause = (
  because: CancelledBecause,
  { task_id, owner, status }: TaskState,
  made: Pick<GenerateCancelled, "metrics" | "partial_text">,
): Extract<OutcomeEvent, { type: "GenerateCancelled" }> => ({
  type: "GenerateCancelled",
  data: {
    ...{ task_id, by: owner, reason: cancelReasons[because] },
    stage: status === "processing" ? status : "queued",
    ...made,
  },
});

/** When the texts of an outcome are shown no more, in seconds since the epoch; undefined: they stay. */
export const resultExpiresAt = ({
  end_time,
  result_ttl_ms,
}: EndedTask): number | undefined =>
  result_ttl_ms === undefined ? undefined : end_time + result_ttl_ms / 1_000;

/** The error of a task that was not started in time. */
export const expiredError = ({
  start_timeout_ms,
}: Pick<TaskState, "start_timeout_ms">) => ({
  type: "ExpiredError" as const,
  message: `it waited for more than ${start_timeout_ms / 1_000} s`,
});

const failureReasons: ReadonlySet<RetryReason> = new Set([
  "crash",
  "hang",
  "gone",
]);

/**
 * The state after an event. Only GenerateRequested makes a state; after an outcome everything is ignored; started and
 * retried count only if their (attempt, phase) is past the state's. Returns the same object where nothing changes, so
 * any repetition, and any order that the broker can produce, is harmless.
 */
export function evolve(
  state: TaskState | undefined,
  event: RecordedEvent,
): TaskState | undefined {
  if (event.type === "GenerateRequested")
    return state ?? requested(event.data, event.seq);
  if (state === undefined || !isOpen(state)) return state;
  switch (event.type) {
    case "GenerateStarted": {
      if (!isPast(state, event.type, event.data.attempt)) return state;
      const { attempt, worker_id, start_time } = event.data;
      return {
        ...state,
        status: "processing",
        attempt,
        worker_id,
        first_start: state.first_start ?? start_time,
        ...(attempt > 1 && { since: start_time }),
      };
    }
    case "GenerateRetried": {
      const { attempt, reason } = event.data;
      if (!isPast(state, event.type, attempt)) return state;
      const failures = state.failures + (failureReasons.has(reason) ? 1 : 0);
      const since = event.data.retry_at;
      return { ...progress(state), status: "queued", attempt, failures, since };
    }
    case "GenerateCompleted":
      return {
        ...ended(state, event),
        ...completionOf(event.data),
        attempt: event.data.attempt,
        status: "completed",
      };
    case "GenerateFailed": {
      const { type, message } = event.data.error;
      return {
        ...ended(state, event),
        attempt: event.data.attempt,
        status: "failed",
        error: { type, message },
        ...partialText(event.data),
      };
    }
    case "GenerateCancelled":
      return {
        ...ended(state, event),
        status: "cancelled",
        ...(toldReasons.has(event.data.reason) && {
          reason: event.data.reason,
        }),
        ...partialText(event.data),
      };
  }
}

/** Whether the start or the end of an attempt is past an open task's state. */
export const isPast = (
  { status, attempt: last }: { status: TaskState["status"]; attempt: number },
  type: "GenerateStarted" | "GenerateRetried",
  attempt: number,
): boolean =>
  attempt > last ||
  (attempt === last && type === "GenerateRetried" && status === "processing");

/** Fields that are there are set one by one: to spread each of them takes ten times as long. */
function requested(data: GenerateRequested, seq: number): QueuedTask {
  const { user_id, metadata, estimated_wait, params } = data;
  const { result_ttl_ms, cancel_after_ms, not_before } = data;
  const { reserved_tokens, group, group_concurrency, traceparent } = data;
  const params_bytes = longParamsBytes(params);
  const task: QueuedTask = {
    task_id: data.task_id,
    model: data.model,
    lane: data.lane,
    owner: data.owner,
    enqueue_time: data.enqueue_time,
    timeout_ms: data.timeout_ms,
    start_timeout_ms: data.start_timeout_ms,
    seq,
    max_tokens: params.max_tokens,
    status: "queued",
    attempt: 0,
    failures: 0,
  };
  if (user_id !== undefined) task.user_id = user_id;
  if (metadata !== undefined) task.metadata = metadata;
  if (estimated_wait !== undefined) task.estimated_wait = estimated_wait;
  if (cancel_after_ms !== undefined) task.cancel_after_ms = cancel_after_ms;
  if (result_ttl_ms !== undefined) task.result_ttl_ms = result_ttl_ms;
  if (reserved_tokens !== undefined) task.reserved_tokens = reserved_tokens;
  if (group !== undefined) task.group = group;
  if (group_concurrency !== undefined)
    task.group_concurrency = group_concurrency;
  if (data.no_retry) task.no_retry = true;
  if (not_before !== undefined) task.not_before = not_before;
  if (traceparent !== undefined) task.traceparent = traceparent;
  if (params_bytes > 0) task.params_bytes = params_bytes;
  if (data.webhook !== undefined)
    task.webhook = data.webhook.events ?? outcomeWords;
  return task;
}

/** What stays of a task when its state changes: all but what only a running one has. */
function progress(state: OpenTask): TaskProgress {
  if (state.status === "queued") return state;
  const { worker_id: _, ...rest } = state;
  return rest;
}

const toldReasons: ReadonlySet<string> = new Set([
  cancelReasons.deadline,
  cancelReasons.superseded,
]);

const partialText = ({ partial_text }: Pick<GenerateFailed, "partial_text">) =>
  partial_text === undefined ? {} : { partial_text };

function ended(state: OpenTask, event: RecordedEvent & OutcomeEvent): TaskEnd {
  return {
    ...progress(state),
    end_time: event.time,
    end_seq: event.seq,
    metrics: event.data.metrics,
  };
}
