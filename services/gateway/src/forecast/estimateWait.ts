/** Pure: how long a place in the queue waits for its start. */
import type { WorkerAnnouncement } from "@jetscribe/schema";
import type { Place } from "@jetscribe/task-store";

export type Capacity = ReturnType<typeof capacityOf>;

/** What the workers of a model can do: their slots without a task, and the speed of all with all slots in use. */
export function capacityOf(workers: readonly WorkerAnnouncement[]) {
  const capacity = { free: 0, tokensPerSecond: 0 };
  for (const { slots, tasks, tokens_per_second = 0 } of workers) {
    capacity.free += Math.max(0, slots - tasks.length);
    capacity.tokensPerSecond += tokens_per_second;
  }
  return capacity;
}

/**
 * Seconds; undefined where no worker has finished a task yet. Its start waits until as many tasks as come before it
 * have ended, and one that runs, which leaves its slot to it: as many as `place` counts, less the free slots.
 */
export function estimateWait(
  { position, tokens }: Place,
  { free, tokensPerSecond }: Capacity,
): number | undefined {
  if (position <= free) return 0;
  if (tokens === undefined || tokensPerSecond === 0) return undefined;
  const seconds = ((tokens / position) * (position - free)) / tokensPerSecond;
  return Math.round(seconds * 1_000) / 1_000;
}
