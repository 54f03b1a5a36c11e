/**
 * The tasks of one queue (a model, a lane, an owner) are started in the order in which they were stored, but for those
 * that have a time of their own.
 */
import type { Evidence } from "../evidence.ts";
import { overlaps, type Entry } from "../journal.ts";
import type { LoggedEvent } from "../readLog.ts";
import type { LoggedTask } from "../tasks.ts";

/**
 * Two workers take two tasks at about the same time; one of them may be slow to say so, or stand still with what it was
 * given until ACK_WAIT is over.
 */
const slackMs = 5_000;
/** What was done to a worker may keep a delivery that came just before. */
const marginMs = 5_000;

interface Started {
  id: string;
  request: LoggedEvent;
  start: LoggedEvent;
}

export function checkOrder(
  { journal }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] {
  const queues = Map.groupBy(
    [...tasks.values()].flatMap(firstStart),
    ({ request }) => request.queue,
  );
  return [...queues.values()].flatMap((all) => checkQueue(all, journal));
}

function firstStart({ id, requests, starts }: LoggedTask): Started[] {
  const [request] = requests;
  const [start] = starts;
  const isScheduled = request?.data["not_before"] !== undefined;
  return request && start && !isScheduled ? [{ id, request, start }] : [];
}

function checkQueue(all: readonly Started[], journal: readonly Entry[]) {
  const wrong: string[] = [];
  /** From the end: the earliest start of all that came later. */
  let earliest: Started | undefined;
  for (const one of all.toSorted((a, b) => b.request.seq - a.request.seq)) {
    const lateMs = one.start.time - (earliest?.start.time ?? Infinity);
    if (lateMs > slackMs && !isExcused(one, journal))
      wrong.push(`${one.id}: started ${lateMs} ms after ${earliest?.id}, which was stored later in its queue`); // prettier-ignore
    if (earliest === undefined || lateMs < 0) earliest = one;
  }
  return wrong;
}

/** Its delivery may have been with somebody who was hit. */
const isExcused = ({ request, start }: Started, journal: readonly Entry[]) =>
  journal.some((entry) => overlaps(entry, request.time, start.time, marginMs));
