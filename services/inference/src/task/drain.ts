/** The end of a worker's work: no more is taken, what runs may finish for a while, the rest is handed back. */
import type { WorkSource } from "@jetscribe/event-log/work/consume";
import { setTimeout as sleep } from "node:timers/promises";
import type { HeldTasks } from "../ownership/heldTasks.ts";

/** Handing back takes an append and a nak. */
const handBackMs = 5_000;

export async function drain(
  work: WorkSource,
  held: HeldTasks,
  drainTimeoutMs: number,
): Promise<void> {
  const idle = work.stop();
  if (await within(drainTimeoutMs, idle)) return;
  held.interruptAll("drain");
  await within(handBackMs, idle);
}

/** Whether it came in time. */
async function within(ms: number, promise: Promise<void>): Promise<boolean> {
  const over = new AbortController();
  try {
    return await Promise.race([
      promise.then(() => true),
      sleep(ms, false, { signal: over.signal }),
    ]);
  } finally {
    over.abort();
  }
}
