/**
 * One open task, watched until its outcome: by Redis, which tells of each outcome that it has, and by the broker, which
 * tells of each event that the log has. Each of them can be away or late. Nothing is polled: rule 9 of the design.
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { RecentlyStored } from "@jetscribe/event-log/state/recentlyStored";
import type { TaskStates } from "@jetscribe/event-log/state/taskStates";
import type { StoredHint } from "@jetscribe/event-log/signals/signals";
import {
  eventTypes,
  evolve,
  isOpen,
  type OpenTask,
  type RecordedEvent,
  type TaskState,
} from "@jetscribe/schema";
import type { DoneHeard } from "./hearAllDone.ts";
import type { ReadTask } from "./readTask.ts";
import type { WatchStored } from "./watchStored.ts";

/** Tells how the task is whenever it has got on, and at last its outcome, until it is disposed of. */
export type WatchTask = (
  task: OpenTask,
  /** A slug. */
  owner: string,
  onTask: (task: TaskState) => void,
) => Disposable;

export interface WatchDeps {
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

export function makeWatchTask({
  broker,
  done,
  watchStored,
  states,
  recent,
  readTask,
  readSurely,
}: WatchDeps): WatchTask {
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

    watching.use(done.of(task_id, () => void look(readTask)));
    watching.use(watchStored(found, onStored));
    watching.defer(broker.onReconnect(() => void look(readSurely)));
    // What Redis told before it was listened to, and what the broker did.
    void states.shown(task_id).then((answer) => take(answer.task));
    after(graceMs, () => look(readSurely));
    return watching;
  };
}

/** The task after a start or a retry, of which only the attempt is known. */
export function progressed(
  task: OpenTask,
  type: StoredHint["type"],
  attempt: number,
): TaskState | undefined {
  const time = Date.now() / 1_000;
  const common = { task_id: task.task_id, attempt, worker_id: "" };
  const at = { seq: 0, time };
  const events: Partial<Record<StoredHint["type"], RecordedEvent>> = {
    GenerateStarted: {
      type: "GenerateStarted",
      data: { ...common, start_time: time, queue_wait_time: 0 },
      ...at,
    },
    GenerateRetried: {
      type: "GenerateRetried",
      data: {
        ...common,
        reason: "lease",
        retry_at: time,
        error: { type: "", message: "" },
      },
      ...at,
    },
  };
  const event = events[type];
  return event && evolve(task, event);
}

/** Whether a reading of a task is of a later time than another one; they can come in any order. */
export function isLater(reading: TaskState, before: TaskState): boolean {
  if (!isOpen(before)) return false;
  return !isOpen(reading) || stepOf(reading) > stepOf(before);
}

/** Counts what happened to an open task: each attempt's start, and its retry. */
const stepOf = ({ attempt, status }: OpenTask): number =>
  2 * attempt + (status === "queued" ? 1 : 0);
