/** Pure: the events that a worker appends, from what is known of the task. */
import {
  effectiveParams,
  expiredError,
  metricsOf,
  timesOf,
  type ErrorType,
  type GenerateParams,
  type OutcomeEvent,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import type {
  EngineDied,
  EngineInfo,
  EngineResult,
  TokenCounts,
} from "../engine/engine.ts";
import { keptNothing, type KeptText } from "../ownership/keptText.ts";

type Of<Type extends TaskEvent["type"]> = Extract<TaskEvent, { type: Type }>;

/** What came of a generation that was broken off. */
export interface Progress extends TokenCounts {
  text: string;
  /** When the first text came, in seconds since the epoch. */
  firstToken?: number | undefined;
}

/** What is there before an attempt begins. */
export const progressOf = ({
  text,
  tokens,
  promptTokens,
  firstToken,
}: KeptText): Progress => ({
  text,
  promptTokens,
  completionTokens: tokens,
  firstToken,
});

/** All times are seconds since the epoch. */
export function started(
  task: TaskState,
  attempt: number,
  workerId: string,
  now: number,
  kept: KeptText = keptNothing,
): Of<"GenerateStarted"> {
  const firstStart = task.first_start ?? now;
  return {
    type: "GenerateStarted",
    data: {
      task_id: task.task_id,
      attempt,
      worker_id: workerId,
      start_time: now,
      queue_wait_time: Math.max(0, firstStart - task.enqueue_time),
      ...(kept.text !== "" && {
        kept_tokens: kept.tokens,
        kept_chars: kept.text.length,
      }),
    },
  };
}

export function completed(
  task: TaskState,
  workerId: string,
  result: EngineResult,
  info: EngineInfo,
  {
    params,
    ...times
  }: {
    params: GenerateParams;
    firstToken?: number | undefined;
    now: number;
  },
  kept: KeptText = keptNothing,
): Of<"GenerateCompleted"> {
  const { modelSha256, quantization, engineVersion } = info;
  const { loraSha256, loraScale } = info;
  const seed = result.seed === undefined ? {} : { seed: result.seed };
  return {
    type: "GenerateCompleted",
    data: {
      task_id: task.task_id,
      attempt: task.attempt,
      worker_id: workerId,
      result: result.text,
      finish_reason: result.finishReason,
      metrics: {
        ...metricsOf(
          timesOf(task, times.now, times.firstToken),
          result.promptTokens,
          result.completionTokens,
        ),
        ...draftsOf(result),
      },
      model: task.model,
      ...seed,
      ...(modelSha256 !== undefined && { model_sha256: modelSha256 }),
      ...(loraSha256 !== undefined && { lora_sha256: loraSha256 }),
      ...(loraScale !== undefined && { lora_scale: loraScale }),
      ...(quantization !== undefined && { quantization }),
      ...(engineVersion !== undefined && { engine_version: engineVersion }),
      params: { ...effectiveParams(params), ...seed },
      cached_tokens: result.cachedTokens,
      ...(result.reasoning !== undefined && { reasoning: result.reasoning }),
      ...(kept.text !== "" && { continued: true }),
    },
  };
}

const draftsOf = ({ draftedTokens, acceptedTokens }: EngineResult) => ({
  ...(draftedTokens !== undefined && { drafted_tokens: draftedTokens }),
  ...(acceptedTokens !== undefined && { accepted_tokens: acceptedTokens }),
});

export function failed(
  task: TaskState,
  workerId: string,
  error: { type: ErrorType; message: string; stack?: string | undefined },
  now: number,
  progress: Progress = progressOf(keptNothing),
): Of<"GenerateFailed"> {
  const { text, promptTokens, completionTokens, firstToken } = progress;
  return {
    type: "GenerateFailed",
    data: {
      task_id: task.task_id,
      attempt: task.attempt,
      worker_id: workerId,
      error: {
        type: error.type,
        message: error.message,
        traceback: error.stack ?? `${error.type}: ${error.message}`,
      },
      ...(text !== "" && { partial_text: text }),
      metrics: metricsOf(
        timesOf(task, now, firstToken),
        promptTokens,
        completionTokens,
      ),
    },
  };
}

/** The failure of a task whose attempts were ended too often by the death of an engine or a worker. */
export const crashedTooOften = (
  task: TaskState,
  workerId: string,
  now: number,
  {
    progress,
    lastDeath,
  }: {
    progress?: Progress;
    /** How the last attempt ended, where this worker saw it. */
    lastDeath?: string | undefined;
  } = {},
): OutcomeEvent =>
  failed(
    task,
    workerId,
    {
      type: "WorkerCrashed",
      message: [`its engine or worker died ${task.failures} times`, lastDeath]
        .filter(Boolean)
        .join("; the last time: "),
    },
    now,
    progress,
  );

/** The failure of a task that was not started in time. */
export const expired = (
  task: TaskState,
  workerId: string,
  now: number,
): OutcomeEvent => failed(task, workerId, expiredError(task), now);

/** Why an attempt ended without an outcome. */
export type RetriedBecause =
  | { reason: "crash" | "hang"; error: EngineDied }
  | { reason: "gone" | "lease" | "drain" };

const explanations = {
  gone: { type: "WorkerGone", message: "its worker is gone" },
  lease: { type: "LeaseLost", message: "its worker lost the task" },
  drain: { type: "WorkerDraining", message: "its worker was told to stop" },
};

export function retried(
  task: TaskState,
  because: RetriedBecause,
  /** Whose attempt ended. */
  workerId: string,
  now: number,
): Of<"GenerateRetried"> {
  const head = { task_id: task.task_id, attempt: task.attempt };
  const tail = { worker_id: workerId, retry_at: now };
  if (!("error" in because)) {
    const { reason } = because;
    const error = explanations[reason];
    return {
      type: "GenerateRetried",
      data: { ...head, reason, error, ...tail },
    };
  }
  const { name, message, death } = because.error;
  const { signal, stderrTail } = death;
  return {
    type: "GenerateRetried",
    data: {
      ...head,
      reason: because.reason,
      error: { type: name, message },
      ...(signal !== undefined && { signal }),
      ...(stderrTail !== "" && { stderr_tail: stderrTail }),
      ...tail,
    },
  };
}
