/** The latest tasks that this gateway accepted: until the projection has read so far, they are known to be queued. */
import { makeLatest } from "@jetscribe/event-log/read/latest";
import type { TaskState } from "@jetscribe/schema";

const most = 2_000;

export interface Accepted {
  note(task: TaskState): void;
  get(taskId: string): TaskState | undefined;
}

export function makeAccepted(): Accepted {
  const tasks = makeLatest<string, TaskState>(most);
  return {
    note: (task) => tasks.set(task.task_id, task),
    get: tasks.get,
  };
}
