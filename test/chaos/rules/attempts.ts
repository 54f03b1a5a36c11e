/** Nothing runs twice without a reason, and the reason is something that the harness did. */
import type { Evidence } from "../evidence.ts";
import { settings } from "../fleet.ts";
import { overlaps, type Entry } from "../journal.ts";
import type { LoggedEvent } from "../readLog.ts";
import { kindOf, type LoggedTask } from "../tasks.ts";
import { beganAt, hits, isExcused } from "./excuses.ts";

/** The lease was renewed a third of it before the start at the most, and is the broker's to give again at its end. */
const leaseMs = (parseInt(settings.ACK_WAIT) * 1_000 * 2) / 3;
export const maxAttempts = 3;
/** Of retries that count as failures. */
export const failureReasons = ["crash", "hang", "gone"];

export function checkAttempts(
  { journal }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  return [...tasks.values()].flatMap((task) => [
    ...checkOrder(task),
    ...checkStarts(task, journal),
    ...checkCrashed(task, journal),
    ...checkNoRetry(task),
    ...checkLeases(task, journal),
    ...checkRunner(task),
  ]);
}

/** Attempts are counted from 1, and each but the last says why it ended. */
function checkOrder({ id, starts, retries }: LoggedTask): string[] {
  const numbers = starts.map(({ data }) => data["attempt"]);
  if (numbers.some((number, i) => number !== i + 1))
    return [`${id}: started as attempts ${numbers.join(", ")}`];
  return starts.slice(1).flatMap((start, i) => {
    const why = retries.find(({ data }) => data["attempt"] === i + 1);
    return why !== undefined && why.seq < start.seq
      ? []
      : [`${id}: attempt ${i + 2} started, and ${i + 1} had not ended`];
  });
}

/** From a worker's look into the log to its start, on a busy machine. */
const raceMs = 500;

/** A cancel may come while a worker is about to start the task, which then stands behind it in the log. */
const isAfter = (start: LoggedEvent, end: LoggedEvent): boolean =>
  start.seq > end.seq &&
  (end.word !== "cancelled" || beganAt(start) > end.time + raceMs);

function checkStarts(
  { id, starts, retries, outcomes }: LoggedTask,
  journal: readonly Entry[],
): string[] {
  const wrong: string[] = [];
  const [end] = outcomes;
  for (const [i, start] of starts.entries()) {
    const before = starts[i - 1];
    const retry = retries.find(({ data }) => data["attempt"] === i);
    const since = before ?? start;
    const excused = isExcused(since, [beganAt(since), start.time], journal);
    if (before !== undefined && !excused && !lostItsLease(before, retry)) {
      const reason = String(retry?.data["reason"]);
      const ranMs = Math.round((retry?.time ?? NaN) - before.time);
      wrong.push(
        `${id}: ran again (attempt ${i + 1}, ${reason}) for nothing, ${ranMs} ms after its start by ${String(before.data["worker_id"])}`,
      );
    }
    if (end !== undefined && isAfter(start, end) && !excused)
      wrong.push(`${id}: ran again after it was ${kindOf(end)}`);
  }
  return wrong;
}

/** On a busy machine a lease can end without any fault, but not before its time. */
const lostItsLease = (start: LoggedEvent, retry?: LoggedEvent): boolean =>
  retry?.data["reason"] === "lease" && retry.time - start.time >= leaseMs;

/** On a busy machine one lease may end, but not one after the other. */
function checkLeases(
  { id, starts, retries }: LoggedTask,
  journal: readonly Entry[],
): string[] {
  const lost = retries.filter(({ data, time }) => {
    const start = starts.find((one) => one.data["attempt"] === data["attempt"]);
    return (
      data["reason"] === "lease" &&
      start !== undefined &&
      !isExcused(start, [beganAt(start), time], journal)
    );
  });
  return lost.length > 1
    ? [`${id}: lost its lease ${lost.length} times for nothing`]
    : [];
}

/** Who completes an attempt has started it. */
function checkRunner({ id, starts, outcomes }: LoggedTask): string[] {
  return outcomes.flatMap(({ word, data }) => {
    if (word !== "completed") return [];
    const { attempt, worker_id } = data;
    const start = starts.find((one) => one.data["attempt"] === attempt);
    const starter = start?.data["worker_id"];
    return starter === worker_id
      ? []
      : [`${id}: completed by ${String(worker_id)}, and attempt ${String(attempt)} was started by ${String(starter)}`]; // prettier-ignore
  });
}

const mayBeRetried = ({ requests: [request] }: LoggedTask): boolean =>
  request?.data["no_retry"] !== true;

/** After its first failure it is not started once more. */
function checkNoRetry(task: LoggedTask): string[] {
  if (mayBeRetried(task)) return [];
  const { id, starts, retries } = task;
  const failure = retries.find(({ data }) =>
    failureReasons.includes(String(data["reason"])),
  );
  return failure !== undefined && starts.some(({ seq }) => seq > failure.seq)
    ? [`${id}: ran again after a failure, and was not to be retried`]
    : [];
}

function checkCrashed(task: LoggedTask, journal: readonly Entry[]): string[] {
  const { id, starts, retries, outcomes } = task;
  const [end] = outcomes;
  if (end === undefined || kindOf(end) !== "failed (WorkerCrashed)") return [];
  const failures = retries.filter(
    ({ data, seq }) =>
      failureReasons.includes(String(data["reason"])) && seq < end.seq,
  );
  if (failures.length !== (mayBeRetried(task) ? maxAttempts : 1))
    return [`${id}: WorkerCrashed after ${failures.length} failures`];
  return failures.flatMap(({ data, time }) => {
    const { attempt, reason } = data;
    const start = starts.find((one) => one.data["attempt"] === attempt);
    const down =
      start !== undefined &&
      journal.some(
        (entry) =>
          (hits(entry, start, time) && isDown(entry)) ||
          (isCutOff(entry) && overlaps(entry, beganAt(start), time)),
      );
    return down
      ? []
      : [`${id}: WorkerCrashed, and nobody took attempt ${String(attempt)} down (${String(reason)})`]; // prettier-ignore
  });
}

/** Frozen for longer than 6 s a worker is gone as well. */
const isDown = ({ fault }: Entry): boolean =>
  fault === "poison" || /^(kill|stop|freeze)-/.test(fault);

/** Nobody hears the workers on a node that is cut off from the others of a cluster. */
const isCutOff = ({ fault, target }: Entry): boolean =>
  fault === "cut-nats" && target.startsWith("node-");
