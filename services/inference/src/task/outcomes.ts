/** Pure: the events that a worker appends, from what is known of the task. */
import {
  cancelledBecause,
  effectiveParams,
  expiredError,
  metricsOf,
  timesOf,
  type CancelledBecause,
  type ErrorType,
  type GenerateParams,
  type OutcomeEvent,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import type { EngineDied, EngineInfo, EngineResult } from "../engine/engine.ts";
import { keptNothing, type Progress } from "../ownership/keptText.ts";

type Of<Type extends TaskEvent["type"]> = Extract<TaskEvent, { type: Type }>;

/** All times are seconds since the epoch. */
export function started(
  task: TaskState,
  attempt: number,
  workerId: string,
  now: number,
  kept: Progress = keptNothing,
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
        kept_tokens: kept.completionTokens,
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
  kept: Progress = keptNothing,
): Of<"GenerateCompleted"> {
  const { seed } = result;
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
        drafted_tokens: result.draftedTokens,
        accepted_tokens: result.acceptedTokens,
      },
      model: task.model,
      seed,
      model_sha256: info.modelSha256,
      lora_sha256: info.loraSha256,
      lora_scale: info.loraScale,
      quantization: info.quantization,
      engine_version: info.engineVersion,
      params: { ...effectiveParams(params), seed: seed ?? params.seed },
      cached_tokens: result.cachedTokens,
      reasoning: result.reasoning,
      ...(kept.text !== "" && { continued: true }),
    },
  };
}

export function failed(
  task: TaskState,
  workerId: string,
  error: { type: ErrorType; message: string; stack?: string | undefined },
  now: number,
  progress: Progress = keptNothing,
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

/** The cancel that nobody asked for. */
export function cancelled(
  because: CancelledBecause,
  task: TaskState,
  now: number,
  { text, promptTokens, completionTokens, firstToken }: Progress = keptNothing,
): OutcomeEvent {
  return cancelledBecause(because, task, {
    ...(text !== "" && { partial_text: text }),
    metrics: metricsOf(
      timesOf(task, now, firstToken),
      promptTokens,
      completionTokens,
    ),
  });
}

/** The failure of a task whose attempts were ended too often by the death of an engine or a worker. */
export function crashedTooOften(
  task: TaskState,
  workerId: string,
  now: number,
  progress?: Progress,
  /** How the last attempt ended, where this worker saw it. */
  lastDeath?: string,
): OutcomeEvent {
  const times = task.no_retry
    ? "its engine or worker died, and it is not to be retried"
    : `its engine or worker died ${task.failures} times`;
  const message = lastDeath ? `${times}; the last time: ${lastDeath}` : times;
  const error = { type: "WorkerCrashed" as const, message };
  return failed(task, workerId, error, now, progress);
}

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
  const died = "error" in because ? because.error : undefined;
  return {
    type: "GenerateRetried",
    data: {
      task_id: task.task_id,
      attempt: task.attempt,
      reason: because.reason,
      error:
        "error" in because
          ? { type: because.error.name, message: because.error.message }
          : explanations[because.reason],
      signal: died?.death.signal,
      stderr_tail: died?.death.stderrTail || undefined,
      worker_id: workerId,
      retry_at: now,
    },
  };
}
