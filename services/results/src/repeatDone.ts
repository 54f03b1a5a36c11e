import type { Broker } from "@jetscribe/event-log/connection";
import { outcomesSince } from "@jetscribe/event-log/lookUp";
import { tellDone } from "@jetscribe/event-log/signals";
import { isOpen } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";

const repeatedMs = 10_000;
const atATime = 500;

/** Tells the latest outcomes once more: who wrote them may have died before it told them. Those to come are told then. */
export async function repeatDone(
  broker: Broker,
  { look }: Pick<TaskReader, "look">,
  signal: AbortSignal,
): Promise<void> {
  const ids = await outcomesSince(broker, Date.now() - repeatedMs, signal);
  for (let i = 0; i < ids.length; i += atATime) {
    const { tasks } = await look(ids.slice(i, i + atATime));
    for (const task of tasks)
      if (task !== undefined && !isOpen(task)) tellDone(broker, task.task_id);
  }
}
