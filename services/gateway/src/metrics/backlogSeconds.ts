/** Pure: how long a model's workers need for what waits for it. */
import { slugOf, type WorkerAnnouncement } from "@jetscribe/schema";
import { meanUsual, type Backlog } from "@jetscribe/task-store";
import { capacityOf } from "../forecast/forecast.ts";

/**
 * In seconds, by model (its slug), with all slots in use and tasks as they usually are. Infinity: tasks wait, and the model
 * has no worker. A model is left out while it isn't known what its tasks take, or how fast its workers are.
 */
export function backlogSeconds(
  backlogs: readonly Backlog[],
  workers: readonly WorkerAnnouncement[],
): Map<string, number> {
  const slugs = new Set([
    ...backlogs.map(({ queue }) => queue.model),
    ...workers.map(({ model }) => slugOf(model)),
  ]);
  const found = new Map<string, number>();
  for (const model of slugs) {
    const seconds = secondsOf(
      model,
      backlogs.filter(({ queue }) => queue.model === model),
      workers.filter((worker) => slugOf(worker.model) === model),
    );
    if (seconds !== undefined) found.set(model, seconds);
  }
  return found;
}

function secondsOf(
  model: string,
  backlogs: readonly Backlog[],
  workers: readonly WorkerAnnouncement[],
): number | undefined {
  const waiting = backlogs.filter((backlog) => backlog.waiting > 0);
  if (waiting.length === 0) return 0;
  const { slots, tokensPerSecond } = capacityOf(workers);
  if (slots === 0) return Infinity;
  const mean = meanUsual(backlogs, model);
  let tokens = 0;
  for (const { waiting: tasks, usual = mean } of waiting) {
    if (usual === undefined) return undefined;
    tokens += tasks * usual;
  }
  return tokensPerSecond > 0 ? tokens / tokensPerSecond : undefined;
}
