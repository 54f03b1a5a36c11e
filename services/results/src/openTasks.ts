/**
 * The open tasks that this instance wrote last, so that their next events need no reading: as long as its checkpoint
 * stands in Redis nobody else has written there. What isn't among them is read.
 */
import { PassingMap } from "@jetscribe/event-log/passingMap";
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
  /** The one that changed last at the end. */
  const known = new PassingMap<string, TaskState>();

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
      for (const { after } of changes) {
        known.delete(after.task_id);
        if (isOpen(after)) known.set(after.task_id, after);
      }
      for (const id of known.keys()) {
        if (known.size <= most) return;
        known.delete(id);
      }
    },
    forget() {
      for (const id of known.keys()) known.delete(id);
    },
  };
}
