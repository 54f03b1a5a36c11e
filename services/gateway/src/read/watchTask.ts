/**
 * One open task, watched until its outcome: by Redis, which tells of each outcome that it has, and by the broker, which
 * tells of each event that the log has. Each of them can be away or late. Nothing is polled: rule 9 of the design.
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { PassingMap } from "@jetscribe/event-log/fast/passingMap";
import {
  hearStored,
  type StoredHint,
} from "@jetscribe/event-log/signals/signals";
import type { RecentlyStored } from "@jetscribe/event-log/state/recentlyStored";
import type { TaskStates } from "@jetscribe/event-log/state/taskStates";
import {
  eventTypes,
  isOpen,
  queueOf,
  type OpenTask,
  type TaskState,
} from "@jetscribe/schema";
import { hearDone, type Store, type StoreLog } from "@jetscribe/task-store";
import type { ReadTask } from "./readTask.ts";

/** Tells how the task is whenever it has got on, and at last its outcome, until it is disposed of. */
export type WatchTask = (
  task: OpenTask,
  /** A slug. */
  owner: string,
  onTask: (task: TaskState) => void,
) => Disposable;

interface WatchDeps {
  broker: Pick<Broker, "onReconnect">;
  done: Pick<DoneHeard, "of">;
  watchStored: WatchStored;
  states: Pick<TaskStates, "shown">;
  recent: Pick<RecentlyStored, "noteOutcome" | "outcomeOf">;
  /** What the projection shows. */
  readTask: ReadTask;
  /** What the log says. */
  readSurely: ReadTask;
}

/** The projection has so long to show an outcome that the log has; mostly it takes some milliseconds. */
const graceMs = 250;
/** A look that failed is repeated after so long: what it is about is told once. */
const lookAgainMs = 1_000;

export function makeWatchTask(deps: WatchDeps): WatchTask {
  const { recent, readTask, readSurely } = deps;
  return (found, owner, onTask) => {
    const { task_id } = found;
    const watching = new DisposableStack();
    const timers = new Set<NodeJS.Timeout>();
    watching.defer(() => timers.forEach(clearTimeout));
    let task: TaskState = found;
    let lookingAgain = false;

    function take(seen: TaskState | undefined): void {
      if (watching.disposed || seen === undefined) return;
      if (!isLater(seen, task)) return;
      task = seen;
      onTask(task);
    }
    function after(ms: number, act: () => Promise<void>): void {
      if (watching.disposed) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        void act();
      }, ms);
      timers.add(timer);
    }
    async function look(read: ReadTask): Promise<void> {
      try {
        take(await read(task_id, owner));
      } catch {
        lookAgain();
      }
    }
    function lookAgain(): void {
      if (lookingAgain) return;
      lookingAgain = true;
      after(lookAgainMs, async () => {
        lookingAgain = false;
        await look(readSurely);
      });
    }
    async function readOutcome(): Promise<void> {
      if (!isOpen(task)) return;
      const ended = await recent.outcomeOf(task).catch(() => undefined);
      if (ended === undefined) await look(readSurely);
      else take(ended);
    }
    function onStored({ type, attempt, seq }: StoredHint): void {
      if (eventTypes[type].outcome) {
        recent.noteOutcome(task_id, seq);
        after(graceMs, readOutcome);
      } else if (isOpen(task)) take(progressed(task, type, attempt));
    }

    watching.use(deps.done.of(task_id, () => void look(readTask)));
    watching.use(deps.watchStored(found, onStored));
    watching.defer(deps.broker.onReconnect(() => void look(readSurely)));
    // What Redis told before it was listened to, and what the broker did.
    void deps.states.shown(task_id).then((answer) => take(answer.task));
    after(graceMs, () => look(readSurely));
    return watching;
  };
}

/** The task after a start or a retry of which only the attempt is known; the same task where that is no news. */
export function progressed(
  task: OpenTask,
  type: StoredHint["type"],
  attempt: number,
): OpenTask {
  const { first_start = Date.now() / 1_000 } = task;
  const next: OpenTask =
    type === "GenerateStarted"
      ? { ...task, status: "processing", attempt, worker_id: "", first_start }
      : { ...task, status: "queued", attempt };
  return isLater(next, task) ? next : task;
}

/** Whether a reading of a task is of a later time than another one; they can come in any order. */
export function isLater(reading: TaskState, before: TaskState): boolean {
  if (!isOpen(before)) return false;
  return !isOpen(reading) || stepOf(reading) > stepOf(before);
}

/** Counts what happened to an open task: each attempt's start, and its retry. */
const stepOf = ({ attempt, status }: OpenTask): number =>
  2 * attempt + (status === "queued" ? 1 : 0);

/** Calls back with each event of the task that the log takes from now on; at most once, since hints can be lost. */
type WatchStored = (
  task: TaskState,
  onStored: (hint: StoredHint) => void,
) => Disposable;

type Watchers = Set<(hint: StoredHint) => void>;

/** The stored events of watched tasks, as the broker tells of them: one subscription per queue, however many tasks. */
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

export type DoneHeard = ReturnType<typeof hearAllDone>;

/** Which outcomes can be read: one connection hears it for all who wait. */
export function hearAllDone(
  store: Pick<Store, "redis" | "prefix" | "silenceMs">,
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
