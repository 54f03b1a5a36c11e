/** A task that may fail only once more runs alone, so that it takes nobody down with it. */
import type { Evidence } from "../evidence.ts";
import type { LoggedEvent } from "../readLog.ts";
import type { LoggedTask } from "../tasks.ts";
import { failureReasons, maxAttempts } from "./attempts.ts";

/** An attempt, as its worker said that it begins and ends. */
interface Run {
  id: string;
  workerId: unknown;
  /** Sequences in the log. */
  from: number;
  to: number;
  /** By the worker's own words, in seconds since the epoch. */
  startedAt: number;
  endedAt: number;
  isLast: boolean;
}

export function checkAlone(
  _evidence: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const runs = [...tasks.values()].flatMap(runsOf);
  const byWorker = Map.groupBy(runs, ({ workerId }) => workerId);
  return runs
    .filter(({ isLast }) => isLast)
    .flatMap(
      (last) =>
      (byWorker.get(last.workerId) ?? [])
        .filter((run) => run.id !== last.id && areTogether(run, last))
        .map(({ id }) => `${id}: ran beside ${last.id}, which had one attempt left`), // prettier-ignore
    );
}

/**
 * A crash is repeated where the broker is away, and then stands in the log behind the starts of the next engine: so the
 * worker's own times have to say so too.
 */
const areTogether = (one: Run, other: Run): boolean =>
  one.from < other.to &&
  one.to > other.from &&
  one.startedAt < other.endedAt &&
  one.endedAt > other.startedAt;

/** Only what the worker itself ended: what others say of it comes at another time. */
const runsOf = (task: LoggedTask): Run[] =>
  task.starts.flatMap((start) => {
    const { worker_id, attempt, start_time } = start.data;
    const end = endOf(task, start);
    if (end === undefined) return [];
    const failures = task.retries.filter(
      ({ data, seq }) =>
        seq < start.seq && failureReasons.includes(String(data["reason"])),
    );
    return [
      {
        id: task.id,
        workerId: worker_id,
        from: start.seq,
        to: end.seq,
        startedAt: Number(start_time ?? start.time / 1_000),
        // An outcome is stored before the engine has room for others.
        endedAt: Number(end.data["retry_at"] ?? Infinity),
        isLast: Number(attempt) > 1 && failures.length === maxAttempts - 1,
      },
    ];
  });

/**
 * Undefined where something else was said of the attempt first: a worker that lost its lease broke the attempt off before
 * that, and may fail the task much later, if it gets the task again.
 */
function endOf(
  { retries, outcomes }: LoggedTask,
  { data: { worker_id, attempt } }: LoggedEvent,
): LoggedEvent | undefined {
  const end = [...retries, ...outcomes]
    .toSorted((one, other) => one.seq - other.seq)
    .find(({ data }) => data["attempt"] === attempt);
  if (end === undefined || end.data["worker_id"] !== worker_id)
    return undefined;
  const { word, data } = end;
  const isOwn =
    word !== "retried" || ["crash", "hang"].includes(String(data["reason"]));
  return isOwn ? end : undefined;
}
