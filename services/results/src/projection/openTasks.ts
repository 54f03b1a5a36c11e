/**
 * The open tasks that this instance wrote last, so that their next events need no reading: as long as its checkpoint
 * stands in Redis nobody else has written there. What isn't among them is read.
 */
import { makeLatest } from "@jetscribe/event-log/read/latest";
import { isOpen, type TaskState } from "@jetscribe/schema";
import type { Change, TaskWriter } from "@jetscribe/task-store";

export interface OpenTasks {
  /** The tasks as they are in Redis. */
  read: (
    ids: Iterable<string>,
  ) => Promise<ReadonlyMap<string, TaskState | undefined>>;
  /** Takes in what was committed. */
  note: (changes: readonly Change[]) => void;
  /** Nothing is known any more. */
  forget: () => void;
}

const most = 2_000;

export function makeOpenTasks({ read }: Pick<TaskWriter, "read">): OpenTasks {
  /** Those that changed last. */
  let known = makeLatest<string, TaskState>(most);

  return {
    async read(ids) {
      const tasks = new Map<string, TaskState | undefined>();
      for (const id of ids) tasks.set(id, known.get(id));
      const missing = [...tasks.keys()].filter((id) => !tasks.get(id));
      if (missing.length === 0) return tasks;
      const stored = await read(missing);
      missing.forEach((id, i) => tasks.set(id, stored[i]));
      return tasks;
    },
    note(changes) {
      for (const { after } of changes)
        if (isOpen(after)) known.set(after.task_id, after);
        else known.delete(after.task_id);
    },
    forget: () => void (known = makeLatest(most)),
  };
}
