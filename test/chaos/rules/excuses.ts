/** What the harness did that explains what became of an attempt. */
import { overlaps, type Entry } from "../journal.ts";
import type { LoggedEvent } from "../readLog.ts";

/** Between the fault and what it does, by one clock. */
const slackMs = 1_000;

/** Whether the worker of a start, its engine, or the broker was hit between two times. */
export const isExcused = (
  start: LoggedEvent,
  [from, to]: readonly [number, number],
  journal: readonly Entry[],
): boolean =>
  journal.some(
    (entry) =>
      (isOf(entry, start) || isBroker(entry)) &&
      overlaps(entry, from, to, slackMs),
  );

/** Whether the worker that a start names was hit between the start and a time. */
export const hits = (
  entry: Entry,
  start: LoggedEvent,
  until: number,
): boolean =>
  isOf(entry, start) && overlaps(entry, beganAt(start), until, slackMs);

/** The engine begins before the log has the start, and a broker in trouble may take seconds for that. */
export function beganAt({ time, data }: LoggedEvent): number {
  const { start_time } = data;
  return typeof start_time === "number"
    ? Math.min(time, start_time * 1_000)
    : time;
}

const isOf = ({ workerId }: Entry, { data }: LoggedEvent): boolean =>
  workerId !== undefined && workerId === data["worker_id"];

const brokerFaults = [
  ...["kill-nats", "stop-nats", "freeze-nats", "cut-nats", "stall-nats"],
  "restore-events",
];
export const isBroker = ({ fault }: Entry): boolean =>
  brokerFaults.includes(fault);
