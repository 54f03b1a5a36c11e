import {
  cancelledBecause,
  deadlineOf,
  expiredError,
  metricsOf,
  timesOf,
  type JoinedText,
  type OpenTask,
  type OutcomeEvent,
  type TaskError,
  type TaskEvent,
} from "@jetscribe/schema";

type Failed = Extract<TaskEvent, { type: "GenerateFailed" }>;

/** Pure: the end of a task that is past its time. `refusals`: of each worker of its model why it has not loaded it. */
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
): OutcomeEvent {
  if (deadlineOf(task).end !== "cancelled")
    return failedOutside(task, errorOf(task, refusals), { text, now });
  return cancelledBecause("deadline", task, madeOf(task, text, now));
}

const madeOf = (task: OpenTask, made: JoinedText, now: number) => ({
  ...(made.text !== "" && { partial_text: made.text }),
  metrics: metricsOf(
    timesOf(task, now),
    made.prompt_tokens,
    made.completion_tokens,
  ),
});

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
      ...madeOf(task, text, now),
    },
  };
}

function errorOf(
  task: OpenTask,
  refusals: readonly (string | undefined)[],
): Omit<TaskError, "traceback"> {
  const { end } = deadlineOf(task);
  if (end === "TimeoutError")
    return { type: end, message: "no worker ended it within its time" };
  const [refusal] = refusals;
  if (refusal !== undefined && refusals.every((reason) => reason !== undefined))
    return { type: "ModelLoadError", message: refusal };
  return expiredError(task);
}
