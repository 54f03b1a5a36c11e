/** Every accepted request has exactly one outcome, and there is none without a request. */
import { settings } from "../fleet.ts";
import type { Evidence } from "../evidence.ts";
import type { Told } from "../told.ts";
import { numberOf } from "../requests.ts";
import { isByDeadline } from "./deadlines.ts";
import { kindOf, type LoggedTask } from "../tasks.ts";

type Tasks = ReadonlyMap<string, LoggedTask>;

export function checkOutcomes({ told }: Evidence, tasks: Tasks): string[] {
  const byNumber = new Map(told.map((one) => [one.number, one]));
  const lost = told.flatMap(({ taskId, lost, answer: { replayed } }) =>
    taskId !== undefined && !lost && !tasks.has(taskId)
      ? [
          `${taskId}: ${replayed === true ? "replayed" : "accepted"} with 202, and not in the log`,
        ]
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
  const { answer, repeats = [answer], kind } = call;
  // By a filter: no answer names it.
  if (kind === "bulk" && requests[0]?.data["retry_of"] === call.taskId)
    return [];
  const isTold = repeats.some(
    ({ status, body }) =>
      (status === 503 || status === 202) && body["task_id"] === id,
  );
  // Nobody knows what became of a call whose answer was lost.
  if (isTold || repeats.some(({ status }) => status === 0)) return [];
  return [`${id}: stands in the log, and its caller was told ${answer.status}`];
}

/** A task that was run again has its prompt twice: by its own call, and by the one that names it. */
function checkCalls(tasks: Tasks): string[] {
  const counts = new Map<string, number>();
  for (const { requests } of tasks.values()) {
    const { prompt, retry_of: repeated = "" } = requests[0]?.data ?? {};
    const call = `call ${numberOf(prompt)} ${String(repeated)}`.trim();
    counts.set(call, (counts.get(call) ?? 0) + 1);
  }
  return [...counts].flatMap(([call, count]) =>
    count > 1 ? [`${call} made ${count} tasks`] : [],
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
    cancelled: ["cancelled", "bulk"].includes(kind) || isByDeadline(outcome),
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
