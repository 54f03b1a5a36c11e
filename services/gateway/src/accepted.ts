/** The latest tasks that this gateway accepted: until the projection has read so far, they are known to be queued. */
import { PassingMap } from "@jetscribe/event-log/passingMap";
import type { TaskState } from "@jetscribe/schema";

const most = 2_000;

export interface Accepted {
  note(task: TaskState): void;
  get(taskId: string): TaskState | undefined;
}

export function makeAccepted(): Accepted {
  /** In order of acceptance. */
  const tasks = new PassingMap<string, TaskState>();
  return {
    note(task) {
      tasks.set(task.task_id, task);
      if (tasks.size <= most) return;
      const [oldest] = tasks.keys();
      if (oldest !== undefined) tasks.delete(oldest);
    },
    get: (taskId) => tasks.get(taskId),
  };
}
