/** After the last fault: waits until nothing is under way any more. */
import { setTimeout as sleep } from "node:timers/promises";
import { readLogFiles, readProjection, workQueuesOf } from "./evidence.ts";
import type { Fleet } from "./fleet.ts";
import type { LoggedEvent, LogReader } from "./readLog.ts";
import { tasksOf } from "./tasks.ts";

/** However slow the machine is. */
const mostMs = 10 * 60_000;

/** What somebody still waits for who reads these events; undefined: nothing. */
export type Waits = (log: readonly LoggedEvent[]) => string | undefined;

/**
 * Resolves to what it still waited for when nothing had moved for so long; undefined: everything is still.
 */
export async function settle(
  fleet: Fleet,
  log: LogReader,
  withinMs: number,
  others: readonly Waits[] = [],
): Promise<string | undefined> {
  const most = performance.now() + mostMs;
  let until = performance.now() + withinMs;
  let read = 0;
  for (;;) {
    const waits = await waitsFor(fleet, log, others).catch((error: unknown) =>
      String(error),
    );
    const now = performance.now();
    if (waits === undefined || now > Math.min(until, most)) return waits;
    const { length } = await log.read().catch(() => []);
    if (length > read) until = now + withinMs;
    read = Math.max(read, length);
    await sleep(250);
  }
}

async function waitsFor(
  fleet: Fleet,
  log: LogReader,
  others: readonly Waits[],
): Promise<string | undefined> {
  const events = await log.read();
  const tasks = [...tasksOf(events).values()];
  const open = tasks.filter(({ outcomes }) => outcomes.length === 0);
  if (open.length > 0) return `${open.length} tasks without an outcome`;
  const queues = await workQueuesOf(fleet);
  if (queues.some(({ pending, ackPending }) => pending + ackPending > 0))
    return "work queues that are not empty";
  const { seq, caughtUp } = await readProjection(fleet.redis.port);
  if (seq !== events.at(-1)?.seq || !caughtUp) return "the projection";
  const { requests } = await readLogFiles(fleet);
  if (requests.length < tasks.length) return "the log files";
  return others.map((waits) => waits(events)).find(Boolean);
}
