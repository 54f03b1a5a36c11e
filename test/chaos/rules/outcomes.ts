/** Every accepted request has exactly one outcome, and there is none without a request. */
import { settings } from "../fleet.ts";
import type { Evidence } from "../evidence.ts";
import type { Told } from "../load.ts";
import { numberOf } from "../requests.ts";
import { kindOf, type LoggedTask } from "../tasks.ts";

type Tasks = ReadonlyMap<string, LoggedTask>;

export function checkOutcomes({ told }: Evidence, tasks: Tasks): string[] {
  const byNumber = new Map(told.map((one) => [one.number, one]));
  const lost = told.flatMap(({ taskId, lost }) =>
    taskId !== undefined && !lost && !tasks.has(taskId)
      ? [`${taskId}: accepted with 202, and not in the log`]
      : [],
  );
  const requests = [...tasks.values()].flatMap((task) => [
    ...checkCounts(task),
    ...checkCall(task, byNumber),
    ...checkEnd(task, byNumber),
  ]);
  return [...lost, ...requests, ...checkCalls(tasks)];
}

function checkCounts({ id, requests, outcomes, events }: LoggedTask): string[] {
  const wrong: string[] = [];
  if (requests.length !== 1)
    wrong.push(`${id}: ${requests.length} requests in the log`);
  if (outcomes.length !== 1) {
    const kinds = outcomes.map(kindOf).join(", ") || "none";
    wrong.push(`${id}: ${outcomes.length} outcomes in the log: ${kinds}`);
  }
  if (events[0]?.word !== "requested")
    wrong.push(`${id}: begins with ${events[0]?.word}`);
  for (const { messageId, seq } of events)
    if (!messageId.startsWith(`${id}.`))
      wrong.push(`${id}: the event at ${seq} has the message id ${messageId}`);
  return wrong;
}

/** The request is that of a call that was answered with its id, or not at all. */
function checkCall(
  { id, requests }: LoggedTask,
  byNumber: ReadonlyMap<number, Told>,
): string[] {
  const call = byNumber.get(numberOf(requests[0]?.data["prompt"]));
  if (call === undefined) return [`${id}: nobody called for it`];
  const { status, body } = call.answer;
  if ((status === 503 || status === 202) && body["task_id"] === id) return [];
  // Nobody knows what became of a call whose answer was lost.
  if (status === 0) return [];
  return [`${id}: stands in the log, and its caller was told ${status}`];
}

function checkCalls(tasks: Tasks): string[] {
  const counts = new Map<number, number>();
  for (const { requests } of tasks.values()) {
    const number = numberOf(requests[0]?.data["prompt"]);
    counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  return [...counts].flatMap(([number, count]) =>
    count > 1 ? [`call ${number} made ${count} tasks`] : [],
  );
}

const timeoutS = parseInt(settings.TASK_TIMEOUT);

/** Whether a task could end as it did. */
function checkEnd(
  { id, requests, outcomes }: LoggedTask,
  byNumber: ReadonlyMap<number, Told>,
): string[] {
  const [outcome] = outcomes;
  const call = byNumber.get(numberOf(requests[0]?.data["prompt"]));
  if (outcome === undefined || call === undefined) return [];
  const { kind } = call;
  const metrics = outcome.data["metrics"] as Record<string, number>;
  const ran = metrics["processing_time"] ?? 0;
  const expected: Record<string, boolean> = {
    completed: kind !== "too_long" && kind !== "too_slow",
    cancelled: kind === "cancelled",
    "failed (ValidationError)": kind === "too_long",
    "failed (ExpiredError)": kind === "hurried",
    "failed (TimeoutError)": ran >= timeoutS - 0.05,
    "failed (WorkerCrashed)": true, // the attempts have to explain it
  };
  const end = kindOf(outcome);
  return expected[end] === true
    ? []
    : [`${id}: a ${kind} task ended as ${end} after ${ran} s`];
}
