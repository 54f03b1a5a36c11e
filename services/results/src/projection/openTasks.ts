/**
 * The open tasks that this instance wrote last, so that their next events need no reading: as long as its checkpoint
 * stands in Redis nobody else has written there. What isn't among them is read.
 */
import { makeLatest } from "@jetscribe/event-log/read/latest";
import { isOpen, type TaskState } from "@jetscribe/schema";
import type { Change, TaskWriter } from "@jetscribe/task-store";

const maxRemembered = 2_000;

export function makeOpenTasks({ read }: Pick<TaskWriter, "read">) {
  /** Those that changed last. */
  let latest = makeLatest<string, TaskState>(maxRemembered);

  return {
    /** The tasks as they are in Redis. */
    async read(
      ids: Iterable<string>,
    ): Promise<ReadonlyMap<string, TaskState | undefined>> {
      const tasks = new Map<string, TaskState | undefined>();
      for (const id of ids) tasks.set(id, latest.get(id));
      const missing = [...tasks.keys()].filter((id) => !tasks.get(id));
      if (missing.length === 0) return tasks;
      const stored = await read(missing);
      missing.forEach((id, i) => tasks.set(id, stored[i]));
      return tasks;
    },
    note(changes: readonly Change[]): void {
      for (const { after } of changes)
        if (isOpen(after)) latest.set(after.task_id, after);
        else latest.delete(after.task_id);
    },
    forget: () => void (latest = makeLatest(maxRemembered)),
  };
}
