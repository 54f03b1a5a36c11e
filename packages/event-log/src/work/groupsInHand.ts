/** How many tasks of each group the worker has in hand: it does not ask for more of one that it fills by itself. */
import type { WorkQueue } from "./queueScheduler.ts";

export function makeGroupsInHand() {
  /** By the consumers' names. `most`: as the newest of these tasks says. */
  const groups = new Map<string, { tasks: number; most: number }>();

  return {
    add({ name, queue }: WorkQueue, most = 1): void {
      if (queue.group === undefined) return;
      const { tasks = 0 } = groups.get(name) ?? {};
      groups.set(name, { tasks: tasks + 1, most });
    },
    remove({ name }: WorkQueue): void {
      const found = groups.get(name);
      if (found === undefined) return;
      found.tasks--;
      if (found.tasks === 0) groups.delete(name);
    },
    /** Of the consumer's name. */
    isFull(name: string): boolean {
      const { tasks = 0, most = 1 } = groups.get(name) ?? {};
      return tasks >= most;
    },
  };
}
