import { evolve, type RecordedEvent, type TaskState } from "@jetscribe/schema";
import type { Change } from "@jetscribe/task-store";

/** Folds a batch of events, in stream order, into the states that their tasks had before. Only what changed comes out. */
export function projectTasks(
  before: ReadonlyMap<string, TaskState | undefined>,
  events: readonly RecordedEvent[],
): Change[] {
  const after = new Map(before);
  for (const event of events) {
    const { task_id } = event.data;
    after.set(task_id, evolve(after.get(task_id), event));
  }
  const changes: Change[] = [];
  for (const [id, state] of after) {
    const was = before.get(id);
    if (state !== undefined && state !== was)
      changes.push({ before: was, after: state });
  }
  return changes;
}
