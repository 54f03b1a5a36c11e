/** Which outcomes can be read: one connection hears it for all who wait. Rule 9 of the design. */
import { PassingMap } from "@jetscribe/event-log/fast/passingMap";
import { hearDone, type Store, type StoreLog } from "@jetscribe/task-store";

export type DoneHeard = ReturnType<typeof hearAllDone>;

export function hearAllDone(
  store: Pick<Store, "redis" | "prefix">,
  log?: StoreLog,
) {
  const waiting = new PassingMap<string, Set<() => void>>();
  const tell = (taskIds: Iterable<string>) => {
    for (const taskId of taskIds)
      for (const onDone of waiting.get(taskId) ?? []) onDone();
  };
  const hearing = hearDone(
    store,
    { onDone: tell, onListening: () => tell(waiting.keys()) },
    log,
  );

  return {
    /** Calls back when the task's outcome can be read, and whenever that may have been missed. */
    of(taskId: string, onDone: () => void): Disposable {
      const all = waiting.get(taskId) ?? new Set();
      waiting.set(taskId, all.add(onDone));
      return {
        [Symbol.dispose]() {
          all.delete(onDone);
          if (all.size === 0) waiting.delete(taskId);
        },
      };
    },
    [Symbol.dispose]: () => hearing[Symbol.dispose](),
  };
}
