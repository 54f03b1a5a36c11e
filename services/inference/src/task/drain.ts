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
  const timer = setTimeout(() => held.interruptAll("drain"), drainTimeoutMs);
  await Promise.race([work.stop(), sleep(drainTimeoutMs + handBackMs)]);
  clearTimeout(timer);
}
