/** Long waits: who waits is told, and nothing is polled. Rule 9 of the design. */
import { orAborted } from "@jetscribe/event-log/connection";
import { isOpen, type TaskState } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import type { DoneHeard } from "./doneHeard.ts";
import { answerOf, type ReadTask } from "./readTask.ts";

/**
 * As `ReadTask`, but the task comes with its outcome, or as it is when the time is over or the signal aborts. One that is
 * known already need not be searched for.
 */
export type WaitForOutcome = (
  taskId: string,
  owner: string,
  wait: { ms: number; signal: AbortSignal; known?: TaskState },
) => Promise<TaskState | undefined>;

const lookAgainMs = 1_000;

export function makeWaitForOutcome(
  done: Pick<DoneHeard, "of">,
  { look }: Pick<TaskReader, "look">,
  readTask: ReadTask,
  stopping: AbortSignal,
): WaitForOutcome {
  return async (taskId, owner, { ms, signal, known }) => {
    const deadline = AbortSignal.timeout(Math.ceil(ms));
    const over = AbortSignal.any([deadline, signal, stopping]);
    let woken = Promise.withResolvers<void>();
    const wake = () => woken.resolve();
    using _hearing = done.of(taskId, wake);
    // That it has an outcome is told once: what can't be read now is read once more. The task itself is safe.
    const lookAgain = () => void setTimeout(wake, lookAgainMs).unref();

    // Once after it is heard: what was told before was not.
    let seen =
      known === undefined
        ? await readTask(taskId, owner)
        : ((await look([taskId]).then(answerOf, lookAgain)) ?? known);
    while (seen !== undefined && isOpen(seen)) {
      await orAborted(woken.promise, over).catch(() => undefined);
      if (over.aborted && !deadline.aborted) return seen;
      woken = Promise.withResolvers();
      try {
        seen = (await readTask(taskId, owner)) ?? seen;
      } catch {
        lookAgain();
      }
      if (over.aborted) return seen;
    }
    return seen;
  };
}
