/** Long waits: who waits is told, and nothing is polled. Rule 9 of the design. */
import { orAborted } from "@jetscribe/event-log/broker/orAborted";
import { isOpen, type TaskState } from "@jetscribe/schema";
import type { ReadTask } from "./readTask.ts";
import type { WatchTask } from "./watchTask.ts";

/**
 * As `ReadTask`, but the task comes with its outcome, or as it is when the time is over or the signal aborts. One that is
 * known already need not be searched for.
 */
export type WaitForOutcome = (
  taskId: string,
  owner: string,
  wait: { ms: number; signal: AbortSignal; known?: TaskState },
) => Promise<TaskState | undefined>;

export function makeWaitForOutcome(
  watchTask: WatchTask,
  readTask: ReadTask,
  stopping: AbortSignal,
): WaitForOutcome {
  return async (taskId, owner, { ms, signal, known }) => {
    const deadline = AbortSignal.timeout(Math.ceil(ms));
    const over = AbortSignal.any([deadline, signal, stopping]);
    const found = known ?? (await readTask(taskId, owner));
    if (found === undefined || !isOpen(found)) return found;
    let seen: TaskState = found;
    const ended = Promise.withResolvers<TaskState>();
    using _watching = watchTask(found, owner, (task) => {
      seen = task;
      if (!isOpen(task)) ended.resolve(task);
    });
    const outcome = await orAborted(ended.promise, over).catch(() => undefined);
    if (outcome !== undefined || !deadline.aborted) return outcome ?? seen;
    // Hints can be lost.
    return (await readTask(taskId, owner).catch(() => undefined)) ?? seen;
  };
}
