/** The stored events of watched tasks, as the broker tells of them: one subscription per queue, however many tasks. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  hearStored,
  type StoredHint,
} from "@jetscribe/event-log/signals/signals";
import { queueOf, type TaskState } from "@jetscribe/schema";

/** Calls back with each event of the task that the log takes from now on; at most once, since hints can be lost. */
export type WatchStored = (
  task: TaskState,
  onStored: (hint: StoredHint) => void,
) => Disposable;

type Watchers = Set<(hint: StoredHint) => void>;

export function makeWatchStored(broker: Broker): WatchStored {
  const heard = new Map<
    string,
    { hearing: Disposable; watched: Map<string, Watchers> }
  >();

  function hear(task: TaskState) {
    const queue = queueOf(task);
    const name = broker.workConsumerName(queue);
    const watched = new Map<string, Watchers>();
    const hearing = hearStored(broker, queue, (hint) => {
      for (const tell of watched.get(hint.taskId) ?? []) tell(hint);
    });
    const made = { hearing, watched };
    heard.set(name, made);
    return made;
  }

  return (task, onStored) => {
    const name = broker.workConsumerName(queueOf(task));
    const { hearing, watched } = heard.get(name) ?? hear(task);
    const watchers: Watchers = watched.get(task.task_id) ?? new Set();
    watched.set(task.task_id, watchers.add(onStored));
    return {
      [Symbol.dispose]() {
        watchers.delete(onStored);
        if (watchers.size === 0) watched.delete(task.task_id);
        if (watched.size > 0) return;
        hearing[Symbol.dispose]();
        heard.delete(name);
      },
    };
  };
}
