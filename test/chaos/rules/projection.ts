/** Redis and the work queues agree with the log, and nothing waits. */
import type { Evidence, Projection } from "../evidence.ts";
import { kindOf, type LoggedTask } from "../tasks.ts";

export const checkProjection = (
  { log, projection, before, workQueues }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] => [
  ...[before, projection].flatMap((one) =>
    one === undefined ? [] : checkRedis(one, log, tasks),
  ),
  ...workQueues.flatMap(({ name, pending, ackPending }) =>
    pending + ackPending > 0
      ? [`${name}: ${pending} pending, ${ackPending} not acknowledged`]
      : [],
  ),
];

function checkRedis(
  projection: Projection,
  log: Evidence["log"],
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const wrong: string[] = [];
  const last = log.at(-1)?.seq ?? 0;
  const { seq, caughtUp, waiting, running } = projection;
  if (seq !== last || !caughtUp)
    wrong.push(`Redis is at ${seq} of ${last}, caught up: ${caughtUp}`);
  if (waiting.length > 0)
    wrong.push(`Redis has waiting tasks: ${waiting.join(", ")}`);
  if (running.length > 0)
    wrong.push(`Redis has running tasks: ${running.join(", ")}`);
  for (const task of tasks.values()) wrong.push(...checkTask(task, projection));
  for (const id of projection.tasks.keys())
    if (!tasks.has(id)) wrong.push(`${id}: is in Redis and not in the log`);
  return wrong;
}

/** Version, status, sequence, and nine more places before the rest that only some have. */
const restAt = 12;

function checkTask(
  { id, requests, outcomes }: LoggedTask,
  projection: Projection,
): string[] {
  const stored = projection.tasks.get(id);
  const [outcome] = outcomes;
  if (outcome === undefined) return [];
  if (stored === undefined) return [`${id}: is in the log and not in Redis`];
  const [, status, seq] = stored;
  const rest = stored[restAt] as Record<string, unknown> | undefined;
  const error = rest?.["error"] as { type?: string } | undefined;
  const kind = status === "failed" ? `failed (${error?.type})` : status;
  const right =
    kind === kindOf(outcome) &&
    seq === requests[0]?.seq &&
    rest?.["result"] === outcome.data["result"];
  return right
    ? []
    : [`${id}: Redis has ${JSON.stringify(stored).slice(0, 300)}, the log ${kindOf(outcome)}`]; // prettier-ignore
}
