/** A task that may wait only so long is not started after that, and ends as expired only if it waited so long. */
import type { Evidence } from "../evidence.ts";
import type { Entry } from "../journal.ts";
import { kindOf, type LoggedTask } from "../tasks.ts";
import { isExcused } from "./excuses.ts";

/** Between the worker's look at the clock and its start, on a busy machine. */
const slackS = 1;

export const checkExpiry = (
  { journal }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] =>
  [...tasks.values()].flatMap((task) => [
    ...checkStart(task, journal),
    ...checkExpired(task),
  ]);

function checkStart(
  { id, requests, starts }: LoggedTask,
  journal: readonly Entry[],
): string[] {
  const [request] = requests;
  const [start] = starts;
  if (request === undefined || start === undefined) return [];
  const until = latestStart(request.data);
  const startedAt = Number(start.data["start_time"]);
  const late = startedAt - until > slackS;
  const between = [until * 1_000, startedAt * 1_000] as const;
  return !late || isExcused(start, between, journal)
    ? []
    : [`${id}: started ${startedAt - until} s after its time`];
}

function checkExpired({ id, requests, starts, outcomes }: LoggedTask) {
  const [request] = requests;
  const [end] = outcomes;
  if (!request || !end || kindOf(end) !== "failed (ExpiredError)") return [];
  if (starts.length > 0) return [`${id}: expired, and was started before`];
  const { total_time = 0 } = end.data["metrics"] as Record<string, number>;
  const endedAt = Number(request.data["enqueue_time"]) + total_time;
  return endedAt >= latestStart(request.data) - 0.001
    ? []
    : [`${id}: expired after ${total_time} s`];
}

const latestStart = (data: Record<string, unknown>): number =>
  Number(data["not_before"] ?? data["enqueue_time"]) +
  Number(data["start_timeout_ms"]) / 1_000;
