/** Pure: a task, as the calls that look it up answer. */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import {
  completionOf,
  isOpen,
  isScheduled,
  resultExpiresAt,
  type EndedTask,
  type OpenTask,
  type OutcomeResponse,
  type PendingResponse,
  type StatusResponse,
  type TaskState,
} from "@jetscribe/schema";
import type { ApiKey } from "../keys/apiKeys.ts";

/** The body of `GET /result` while there is no outcome. */
export const pendingOf = ({ status, task_id }: OpenTask): PendingResponse => ({
  status,
  task_id,
});

/**
 * The body of `GET /result` from then on, as this key may see it: texts need the scope `read:text`, and are not shown
 * after their time.
 */
export function visibleOutcome(
  task: EndedTask,
  { scopes }: Pick<ApiKey, "scopes">,
  clock: Pick<BrokerClock, "nowS">,
): OutcomeResponse {
  if (hasExpired(task, clock)) return expiredOutcome(task);
  const outcome = outcomeOf(task);
  return scopes.has("read:text") ? outcome : withoutTexts(outcome);
}

/** Whether the texts of a task's outcome are shown no more. */
export function hasExpired(
  task: EndedTask,
  { nowS }: Pick<BrokerClock, "nowS">,
): boolean {
  const until = resultExpiresAt(task);
  return until !== undefined && until <= nowS();
}

/** The outcome of which only the texts have expired. */
export const expiredOutcome = (task: EndedTask): OutcomeResponse => ({
  ...withoutTexts(outcomeOf(task)),
  result_expired: true,
});

function withoutTexts(outcome: OutcomeResponse): OutcomeResponse {
  if (outcome.status !== "completed") {
    const { partial_text: _, ...rest } = outcome;
    return rest;
  }
  const { result: _result, reasoning: _reasoning, ...rest } = outcome;
  return rest;
}

/** The outcome with its texts. */
export function outcomeOf(task: EndedTask): OutcomeResponse {
  const { task_id, metrics } = task;
  switch (task.status) {
    case "completed": {
      const { status, model } = task;
      const { result, finish_reason, ...details } = completionOf(task);
      const outcome = { status, task_id, result, finish_reason, metrics };
      return { ...outcome, model, ...details };
    }
    case "failed": {
      const { status, error } = task;
      const { type: error_type, message: error_message } = error;
      const outcome = { status, task_id, error_message, error_type };
      return { ...outcome, ...partialText(task), metrics };
    }
    case "cancelled":
      return {
        ...{ status: task.status, task_id },
        ...(task.reason !== undefined && { reason: task.reason }),
        ...{ ...partialText(task), metrics },
      };
  }
}

const partialText = ({ partial_text }: { partial_text?: string }) =>
  partial_text === undefined ? {} : { partial_text };

/** Seconds until the task may be started; undefined: it waits for no such time. */
export function untilNotBefore(
  task: TaskState,
  { nowS }: Pick<BrokerClock, "nowS">,
): number | undefined {
  if (!isScheduled(task)) return undefined;
  const seconds = (task.not_before ?? 0) - nowS();
  return seconds > 0 ? Math.round(seconds * 1_000) / 1_000 : undefined;
}

/** The body of `GET /status`. */
export function statusOf(
  task: TaskState,
  place: { position: number; wait: number | undefined } | undefined,
  clock: Pick<BrokerClock, "nowS">,
): StatusResponse {
  const { task_id, status, attempt, enqueue_time, first_start, metadata } =
    task;
  const { not_before } = task;
  const result_expires_at = isOpen(task) ? undefined : resultExpiresAt(task);
  return {
    task_id,
    status,
    queue_position: place?.position ?? null,
    estimated_wait: untilNotBefore(task, clock) ?? place?.wait ?? null,
    attempt,
    ...(not_before !== undefined && { not_before }),
    enqueue_time,
    start_time: first_start ?? null,
    end_time: "end_time" in task ? task.end_time : null,
    ...(result_expires_at !== undefined && { result_expires_at }),
    ...(metadata !== undefined && { metadata }),
  };
}
