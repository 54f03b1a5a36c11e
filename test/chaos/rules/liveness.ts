/** Whatever is done to it, the system never stands still for long: there are further 202s, and further outcomes. */
import type { Evidence } from "../evidence.ts";
import type { LoggedTask } from "../tasks.ts";

/** The longest row of faults, each of which lasts 10 s at most, and the time to come back from it. */
const mostMs = 60_000;

export const checkLiveness = (
  { told }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] => [...checkAccepting(told), ...checkFinishing(tasks)];

/** Callers were sent away for so long, all of them. */
function checkAccepting(told: Evidence["told"]): string[] {
  const calls = told.toSorted((a, b) => a.answer.from - b.answer.from);
  let since: number | undefined;
  for (const { answer, kind } of calls) {
    if (answer.status === 202) since = undefined;
    else if (kind !== "invalid") since ??= answer.from;
    if (since !== undefined && answer.to - since > mostMs)
      return [`no call was accepted in ${answer.to - since} ms`];
  }
  return [];
}

/** Tasks were open for so long, and none of them ended. */
function checkFinishing(tasks: ReadonlyMap<string, LoggedTask>): string[] {
  const events = [...tasks.values()]
    .flatMap(({ events }) => events)
    .sort((a, b) => a.seq - b.seq);
  const open = new Set<string>();
  let since = 0;
  for (const { word, taskId, time } of events) {
    if (open.size > 0 && time - since > mostMs)
      return [`no task ended in ${time - since} ms, and ${open.size} were open`]; // prettier-ignore
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
