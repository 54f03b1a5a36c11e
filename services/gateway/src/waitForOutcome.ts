/** Long waits: a subscription per waiting call, and no polling. Rule 9 of the design. */
import { orAborted, type Broker } from "@jetscribe/event-log/connection";
import { hearDone, subscribed } from "@jetscribe/event-log/signals";
import { isOpen, type TaskState } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { answerOf, type ReadTask } from "./readTask.ts";

/** The task with its outcome, or as it is when the time is over or the signal aborts. */
export type WaitForOutcome = (
  task: TaskState,
  owner: string,
  ms: number,
  signal: AbortSignal,
) => Promise<TaskState>;

const lookAgainMs = 1_000;

export function makeWaitForOutcome(
  broker: Broker,
  { look }: Pick<TaskReader, "look">,
  readTask: ReadTask,
  stopping: AbortSignal,
): WaitForOutcome {
  return async (task, owner, ms, signal) => {
    if (!isOpen(task) || ms <= 0) return task;
    const { task_id } = task;
    const deadline = AbortSignal.timeout(Math.ceil(ms));
    const over = AbortSignal.any([deadline, signal, stopping]);
    let woken = Promise.withResolvers<void>();
    const wake = () => woken.resolve();
    using _hearing = hearDone(broker, task_id, wake);
    using _reconnect = { [Symbol.dispose]: broker.onReconnect(wake) };

    // Once after subscribing: what was told before was not heard.
    await orAborted(subscribed(broker), over).catch(() => undefined);
    let seen = await look([task_id]).then(answerOf, () => undefined);
    while (seen === undefined || isOpen(seen)) {
      await orAborted(woken.promise, over).catch(() => undefined);
      if (over.aborted && !deadline.aborted) return seen ?? task;
      woken = Promise.withResolvers();
      try {
        seen = (await readTask(task_id, owner)) ?? task;
      } catch {
        // That it has an outcome is told once: what can't be read now is read once more. The task itself is safe.
        setTimeout(wake, lookAgainMs).unref();
        seen = task;
      }
      if (over.aborted) return seen;
    }
    return seen;
  };
}
