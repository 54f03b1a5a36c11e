import {
  deadlineOf,
  expiredError,
  metricsOf,
  timesOf,
  type JoinedText,
  type OpenTask,
  type TaskError,
  type TaskEvent,
} from "@jetscribe/schema";

type Failed = Extract<TaskEvent, { type: "GenerateFailed" }>;

/** Pure: the failure of a task that is past its time. `refusals`: of each worker of its model why it has not loaded it. */
export function overdue(
  task: OpenTask,
  {
    text,
    refusals,
    now,
  }: {
    /** What was streamed of it. */
    text: JoinedText;
    refusals: readonly (string | undefined)[];
    /** Seconds since the epoch. */
    now: number;
  },
): Failed {
  return failedOutside(task, errorOf(task, refusals), { text, now });
}

/** The failure of a task that no worker ends. `now`: in seconds since the epoch. */
export function failedOutside(
  task: OpenTask,
  { type, message }: Omit<TaskError, "traceback">,
  { text, now }: { text: JoinedText; now: number },
): Failed {
  const { task_id, attempt } = task;
  return {
    type: "GenerateFailed",
    data: {
      task_id,
      attempt,
      error: { type, message, traceback: `${type}: ${message}` },
      ...(text.text !== "" && { partial_text: text.text }),
      metrics: metricsOf(
        timesOf(task, now),
        text.prompt_tokens,
        text.completion_tokens,
      ),
    },
  };
}

function errorOf(
  task: OpenTask,
  refusals: readonly (string | undefined)[],
): Omit<TaskError, "traceback"> {
  const { error } = deadlineOf(task);
  if (error === "TimeoutError")
    return { type: error, message: "no worker ended it within its time" };
  const [refusal] = refusals;
  if (refusal !== undefined && refusals.every((reason) => reason !== undefined))
    return { type: "ModelLoadError", message: refusal };
  return expiredError(task);
}
