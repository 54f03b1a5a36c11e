/** The system comes back from each fault by itself: there are further 202s, and further outcomes. */
import type { Evidence } from "../evidence.ts";
import { quietTime, type Entry } from "../journal.ts";
import type { LoggedTask } from "../tasks.ts";

/** Without a fault; longer than any task takes, and than a service needs to start and to be back at its work. */
const mostMs = 30_000;

export function checkLiveness(
  { told, journal }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  return [...checkAccepting(told, journal), ...checkFinishing(tasks, journal)];
}

/** Callers were sent away for so long, all of them. */
function checkAccepting(
  told: Evidence["told"],
  journal: readonly Entry[],
): string[] {
  const calls = told.toSorted((a, b) => a.answer.from - b.answer.from);
  let since: number | undefined;
  for (const { answer, kind } of calls) {
    if (answer.status === 202) since = undefined;
    else if (kind !== "invalid") since ??= answer.from;
    const quietMs = quietTime(since ?? answer.to, answer.to, journal);
    if (quietMs > mostMs)
      return [`no call was accepted in ${quietMs} ms without a fault`];
  }
  return [];
}

/** Tasks were open for so long, and none of them ended. */
function checkFinishing(
  tasks: ReadonlyMap<string, LoggedTask>,
  journal: readonly Entry[],
): string[] {
  const events = [...tasks.values()]
    .flatMap(({ events }) => events)
    .sort((a, b) => a.seq - b.seq);
  const open = new Set<string>();
  let since = 0;
  for (const { word, taskId, time } of events) {
    const quietMs = open.size > 0 ? quietTime(since, time, journal) : 0;
    if (quietMs > mostMs)
      return [`no task ended in ${quietMs} ms without a fault, and ${open.size} were open`]; // prettier-ignore
    if (word === "requested") {
      if (open.size === 0) since = time;
      open.add(taskId);
    } else if (word !== "started" && word !== "retried") {
      since = time;
      open.delete(taskId);
    }
  }
  return [];
}
