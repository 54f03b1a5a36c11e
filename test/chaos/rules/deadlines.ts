/** A task with a deadline for all it does is over by then, and is cancelled by it no sooner. */
import type { Evidence } from "../evidence.ts";
import { quietTime, type Entry } from "../journal.ts";
import type { LoggedEvent } from "../readLog.ts";
import type { LoggedTask } from "../tasks.ts";
import { isExcused } from "./excuses.ts";

/** Without a fault: the results service looks every 2 s and leaves a running task to its worker for 5 s. */
const lateMs = 12_000;
/** Between the worker's look at the clock and its start, on a busy machine. */
const startSlackMs = 1_000;

export const checkDeadlines = (
  { journal }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] =>
  [...tasks.values()].flatMap((task) => [
    ...checkEnd(task, journal),
    ...checkStarts(task, journal),
  ]);

/** Whether an outcome says that the deadline came. */
export const isByDeadline = ({ word, data }: LoggedEvent): boolean =>
  word === "cancelled" && String(data["reason"]).includes("cancel_after_ms");

/** In ms since the epoch; NaN: it has none. */
const deadlineOf = ({ requests: [request] }: LoggedTask): number =>
  Number(request?.data["enqueue_time"]) * 1_000 +
  Number(request?.data["cancel_after_ms"]);

function checkEnd(task: LoggedTask, journal: readonly Entry[]): string[] {
  const { id, requests, outcomes } = task;
  const [end] = outcomes;
  const deadline = deadlineOf(task);
  if (end === undefined || requests.length === 0) return [];
  if (isByDeadline(end)) {
    const { total_time = NaN } = end.data["metrics"] as Record<string, number>;
    const after = Number(requests[0]?.data["cancel_after_ms"]);
    return total_time * 1_000 >= after - 1
      ? []
      : [`${id}: cancelled after ${total_time} s, and its deadline is ${after} ms`]; // prettier-ignore
  }
  const late = quietTime(deadline, end.time, journal);
  return late > lateMs
    ? [`${id}: ended ${late} ms after its deadline, as ${end.word}`]
    : [];
}

function checkStarts(task: LoggedTask, journal: readonly Entry[]): string[] {
  const deadline = deadlineOf(task);
  return task.starts.flatMap((start) => {
    const startedAt = Number(start.data["start_time"]) * 1_000;
    const late = startedAt - deadline > startSlackMs;
    return !late || isExcused(start, [deadline, startedAt], journal)
      ? []
      : [`${task.id}: started ${startedAt - deadline} ms after its deadline`];
  });
}
