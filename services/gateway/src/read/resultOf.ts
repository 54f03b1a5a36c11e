/** Pure: a task, as the calls that look it up answer. */
import {
  completionOf,
  type EndedTask,
  type OpenTask,
  type OutcomeResponse,
  type PendingResponse,
  type StatusResponse,
  type TaskState,
} from "@jetscribe/schema";

/** The body of `GET /result` while there is no outcome. */
export const pendingOf = ({ status, task_id }: OpenTask): PendingResponse => ({
  status,
  task_id,
});

/** The body of `GET /result` from then on. */
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
      return { status: task.status, task_id, ...partialText(task), metrics };
  }
}

const partialText = ({ partial_text }: { partial_text?: string }) =>
  partial_text === undefined ? {} : { partial_text };

/** The body of `GET /status`. */
export function statusOf(
  task: TaskState,
  place: { position: number; wait: number | undefined } | undefined,
): StatusResponse {
  const { task_id, status, attempt, enqueue_time, first_start } = task;
  return {
    task_id,
    status,
    queue_position: place?.position ?? null,
    estimated_wait: place?.wait ?? null,
    attempt,
    enqueue_time,
    start_time: first_start ?? null,
    end_time: "end_time" in task ? task.end_time : null,
  };
}
