import type { Broker } from "@jetscribe/event-log/connection";
import { outcomesBetween } from "@jetscribe/event-log/lookUp";
import { tellDone } from "@jetscribe/event-log/signals";
import { isOpen } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";

/** Events; more than are projected at once. */
const repeated = 1_024;
const atATime = 500;

/**
 * Tells the latest outcomes up to the checkpoint's sequence once more: who projected them may have died before it told
 * them, however long ago. Those to come are told then.
 */
export async function repeatDone(
  broker: Broker,
  { look }: Pick<TaskReader, "look">,
  seq: number,
  signal: AbortSignal,
): Promise<void> {
  if (seq === 0) return;
  const range = { first: Math.max(1, seq - repeated), last: seq };
  const ids = await outcomesBetween(broker, range, signal);
  for (let i = 0; i < ids.length; i += atATime) {
    const { tasks } = await look(ids.slice(i, i + atATime));
    for (const task of tasks)
      if (task !== undefined && !isOpen(task)) tellDone(broker, task.task_id);
  }
}
