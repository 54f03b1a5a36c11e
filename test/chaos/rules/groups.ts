/** At no moment of the log more of a group's tasks are between their first start and their outcome than may run at once. */
import type { Evidence } from "../evidence.ts";
import { overlaps, type Entry } from "../journal.ts";
import type { LoggedTask } from "../tasks.ts";
import type { LoggedEvent } from "../readLog.ts";

/** A start that was on its way then may stand behind a log that went back. */
const slackMs = 15_000;

/** Takeovers are further attempts of a task that runs already, and late starts stand behind their task's outcome. */
interface Run {
  id: string;
  first: LoggedEvent;
  /** The outcome's sequence. */
  until: number;
}

export function checkGroups(
  { journal }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const grouped = [...tasks.values()].filter(
    ({ requests: [request] }) => request?.data["group"] !== undefined,
  );
  // By the queue, which the group's name is a part of.
  const groups = Map.groupBy(grouped, ({ requests }) => requests[0]?.queue);
  return [...groups.values()].flatMap((group) => checkGroup(group, journal));
}

/** In the harness all tasks of a group name the same number. */
function checkGroup(
  group: readonly LoggedTask[],
  journal: readonly Entry[],
): string[] {
  const most = Number(group[0]?.requests[0]?.data["group_concurrency"] ?? 1);
  const runs = group.flatMap(runOf);
  return runs.flatMap(({ id, first }) => {
    const beside = runs.filter(
      (run) => run.first.seq <= first.seq && run.until > first.seq,
    );
    return beside.length > most && !isExcused(first, journal)
      ? [`${id}: started while ${beside.length - 1} of its group ran, of which ${most} may run at once`] // prettier-ignore
      : [];
  });
}

function runOf({ id, starts, outcomes }: LoggedTask): Run[] {
  const [first] = starts;
  const until = outcomes[0]?.seq ?? Infinity;
  return first === undefined || first.seq > until ? [] : [{ id, first, until }];
}

/** The log itself went back. */
const isExcused = ({ time }: LoggedEvent, journal: readonly Entry[]) =>
  journal.some(
    (entry) =>
      entry.fault === "restore-events" && overlaps(entry, time, time, slackMs),
  );
