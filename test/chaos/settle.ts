/** After the last fault: waits until nothing is under way any more. */
import { setTimeout as sleep } from "node:timers/promises";
import { readLogFiles, readProjection, workQueuesOf } from "./evidence.ts";
import type { Fleet } from "./fleet.ts";
import type { LogReader } from "./readLog.ts";
import { tasksOf } from "./tasks.ts";

/** Resolves to what it still waited for when the time was over; undefined: everything is still. */
export async function settle(
  fleet: Fleet,
  log: LogReader,
  withinMs: number,
): Promise<string | undefined> {
  const until = performance.now() + withinMs;
  for (;;) {
    const waits = await waitsFor(fleet, log).catch((error: unknown) =>
      String(error),
    );
    if (waits === undefined || performance.now() > until) return waits;
    await sleep(250);
  }
}

async function waitsFor(
  fleet: Fleet,
  log: LogReader,
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
  const { requests } = await readLogFiles(fleet.logDir);
  return requests.length < tasks.length ? "the log files" : undefined;
}
