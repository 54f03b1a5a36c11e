/** The starts and retries of watched tasks: one subscription per queue, however many of its tasks are watched. */
import type { Broker } from "@jetscribe/event-log/connection";
import { hearProgress } from "@jetscribe/event-log/signals";
import {
  queueOf,
  workConsumerName,
  type RecordedEvent,
  type TaskState,
} from "@jetscribe/schema";

export type WatchProgress = (
  task: TaskState,
  onEvent: (event: RecordedEvent) => void,
) => Disposable;

type Watchers = Set<(event: RecordedEvent) => void>;

export function makeWatchProgress(broker: Broker): WatchProgress {
  const heard = new Map<
    string,
    { hearing: Disposable; watched: Map<string, Watchers> }
  >();

  function hear(task: TaskState) {
    const queue = queueOf(task);
    const name = workConsumerName(queue);
    const watched = new Map<string, Watchers>();
    const hearing = hearProgress(broker, queue, (event) => {
      for (const tell of watched.get(event.data.task_id) ?? []) tell(event);
    });
    const made = { hearing, watched };
    heard.set(name, made);
    return made;
  }

  return (task, onEvent) => {
    const name = workConsumerName(queueOf(task));
    const { hearing, watched } = heard.get(name) ?? hear(task);
    const watchers: Watchers = watched.get(task.task_id) ?? new Set();
    watched.set(task.task_id, watchers.add(onEvent));
    return {
      [Symbol.dispose]() {
        watchers.delete(onEvent);
        if (watchers.size === 0) watched.delete(task.task_id);
        if (watched.size > 0) return;
        hearing[Symbol.dispose]();
        heard.delete(name);
      },
    };
  };
}
