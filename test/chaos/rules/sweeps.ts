/** What is cancelled by a filter is over then, and nothing else is. */
import { groupOf } from "../bulk.ts";
import type { Evidence } from "../evidence.ts";
import type { Told } from "../told.ts";
import type { LoggedTask } from "../tasks.ts";
import { isByDeadline } from "./deadlines.ts";

/** Between two clocks of one machine. */
const slackMs = 50;

export function checkSweeps(
  { told }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const groups = Map.groupBy(
    told.filter(({ swept }) => swept),
    groupOf,
  );
  return [...groups].flatMap(([group, those]) => [
    ...those.flatMap((one) => checkOne(one, tasks)),
    ...checkCount(group, those, tasks),
    ...those.flatMap((one) => checkAgain(one, tasks)),
  ]);
}

function checkOne(
  { taskId = "", swept }: Told,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const [outcome] = tasks.get(taskId)?.outcomes ?? [];
  if (outcome === undefined || swept?.doneAt === undefined) return [];
  const lateMs = outcome.time - swept.doneAt;
  return lateMs > slackMs
    ? [`${taskId}: ${outcome.word} ${lateMs} ms after its batch was cancelled`]
    : [];
}

/** A cancel that the log has by nobody's deadline is one that the calls told of. */
function checkCount(
  group: string | undefined,
  those: readonly Told[],
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const { cancelled = 0, unsure = true } = those[0]?.swept ?? {};
  const ends = those.flatMap(
    ({ taskId = "" }) => tasks.get(taskId)?.outcomes[0] ?? [],
  );
  const all = ends.filter(({ word }) => word === "cancelled");
  const asked = all.filter((end) => !isByDeadline(end));
  const tooMany = cancelled > all.length;
  const tooFew = !unsure && cancelled < asked.length;
  return tooMany || tooFew
    ? [
        `${group}: ${cancelled} tasks were told to be cancelled, and ${asked.length} are in the log`,
      ]
    : [];
}

/** What was cancelled was run again, where the calls for it came to their end; twice is said by the rules of outcomes. */
function checkAgain(
  { taskId = "", ranAgain }: Told,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const cancelled = tasks.get(taskId)?.outcomes[0]?.word === "cancelled";
  if (ranAgain !== true || !cancelled) return [];
  const isThere = tasks
    .values()
    .some(({ requests }) => requests[0]?.data["retry_of"] === taskId);
  return isThere ? [] : [`${taskId}: was not run again with its batch`];
}
