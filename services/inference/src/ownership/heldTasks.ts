/**
 * The tasks that this worker has in hand, and what holds them: the lease of each delivery, and the log, which is looked
 * into at every renewal. Rules 4 and 5 of the design.
 */
import type { WorkItem } from "@jetscribe/event-log/work/consume";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import { PassingMap } from "@jetscribe/event-log/fast/passingMap";
import type { TaskStates } from "@jetscribe/event-log/state/taskStates";
import { evolve, leaseTimes, type TaskState } from "@jetscribe/schema";

/**
 * Why work on a task is broken off.
 * - lease: another worker may have it by now
 * - taken: another worker wrote into its text
 * - outcome: it has one; a cancel is one
 * - superseded: another worker started a later attempt
 * - vanished: the log lost its tail, and the request with it
 * - drain: this worker stops
 */
export type InterruptReason =
  "lease" | "taken" | "outcome" | "superseded" | "vanished" | "drain";

class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly code: InterruptReason;
  constructor(code: InterruptReason) {
    super(`the work on the task was broken off: ${code}`);
    this.code = code;
  }
}

export interface TaskInHand extends Disposable {
  readonly item: WorkItem;
  /** Its state as far as this worker knows it. */
  task: TaskState;
  /** The task was surely open then, by `elapsedMs()`; undefined: that isn't known. */
  openAsOf: number | undefined;
  /** When it was doubted last, by `elapsedMs()`: what was known before that proves nothing any more. */
  doubtedAt: number;
  /** How its last attempt ended, where that was a death in this worker's hands. */
  lastDeath?: string;
  /** Another worker may have the task by now: the log has to be looked into before anything is concluded. */
  doubt(): void;
  /** Aborts with Interrupted. */
  readonly signal: AbortSignal;
  interrupt(reason: InterruptReason): void;
  interrupted(): InterruptReason | undefined;
  /** Interrupts it if its lease may be over, which a late timer would not have noticed yet. */
  checkLease(): void;
}

export interface HeldTasks extends Disposable {
  hold(item: WorkItem): TaskInHand;
  /** Breaks off one task, if it is in hand. */
  interrupt(taskId: string, reason: InterruptReason): void;
  interruptAll(reason: InterruptReason): void;
}

interface Held extends TaskInHand {
  /** When the last confirmed renewal was sent, by `elapsedMs()`; first the delivery. */
  confirmed: number;
  /** When the last renewal was sent. */
  asked: number;
}

export function holdTasks({
  ackWaitMs,
  states,
  now = elapsedMs,
}: {
  ackWaitMs: number;
  states: Pick<TaskStates<TaskState>, "surelyAll">;
  /** In ms; it goes on while the machine sleeps, as leases do. */
  now?: () => number;
}): HeldTasks {
  const all = new PassingMap<string, Held>();
  const { renewEveryMs, provesForMs, checkEveryMs } = leaseTimes(ackWaitMs);
  const timer = setInterval(renewThoseDue, checkEveryMs);

  function renewThoseDue(): void {
    for (const held of all.values()) held.checkLease();
    const due = [...all.values()].filter(
      ({ asked, signal }) => !signal.aborted && now() - asked >= renewEveryMs,
    );
    for (const held of due) void renew(held);
    if (due.length > 0) void lookInto(due);
  }

  async function renew(held: Held): Promise<void> {
    const sent = now();
    held.asked = sent;
    try {
      await held.item.renew(renewEveryMs);
    } catch {
      return; // The next one may be answered; if none is in time, the lease is lost.
    }
    if (sent - held.confirmed <= provesForMs) held.confirmed = sent;
  }

  async function lookInto(due: readonly Held[]): Promise<void> {
    const answers = await states.surelyAll(due.map(({ task }) => task));
    due.forEach((held, i) => {
      const answer = answers[i];
      // Where it is unknown, whoever publishes an outcome looks again.
      if (answer === undefined || answer.status === "unknown") return;
      const runs = held.task.status === "processing";
      if (answer.status === "absent") held.interrupt("vanished");
      else if (answer.status === "ended") held.interrupt("outcome");
      else if (runs && answer.task.attempt > held.task.attempt)
        held.interrupt("superseded");
      else held.openAsOf = answer.asOf;
    });
  }

  function hold(item: WorkItem): TaskInHand {
    const { task_id } = item.event.data;
    const stop = new AbortController();
    const heldAt = now();
    let why: InterruptReason | undefined;
    const interrupt = (reason: InterruptReason) => {
      if (why !== undefined) return;
      why = reason;
      stop.abort(new Interrupted(reason));
    };
    const held: Held = {
      item,
      task: requestedTask(item),
      openAsOf: undefined,
      doubtedAt: -Infinity,
      doubt: () => void (held.doubtedAt = now()),
      signal: stop.signal,
      interrupt,
      interrupted: () => why,
      confirmed: heldAt,
      asked: heldAt,
      checkLease() {
        if (now() - held.confirmed > provesForMs) interrupt("lease");
      },
      [Symbol.dispose]: () => void all.delete(task_id),
    };
    all.set(task_id, held);
    return held;
  }

  return {
    hold,
    interrupt: (taskId, reason) => all.get(taskId)?.interrupt(reason),
    interruptAll(reason) {
      for (const held of all.values()) held.interrupt(reason);
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** The state that the request alone makes. */
function requestedTask({ event }: WorkItem): TaskState {
  const task = evolve(undefined, event);
  if (task === undefined) throw new Error("a request makes a state");
  return task;
}
