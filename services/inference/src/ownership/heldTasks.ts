/**
 * The tasks that this worker has in hand, and what holds them: the lease of each delivery, and the log, which is looked
 * into at every renewal. Rules 4 and 5 of the design.
 */
import type { WorkItem } from "@jetscribe/event-log/work/consume";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import { PassingMap } from "@jetscribe/event-log/fast/passingMap";
import type { TaskStates } from "@jetscribe/event-log/state/taskStates";
import { leaseTimes, type TaskState } from "@jetscribe/schema";
import {
  makeTaskInHand,
  type InterruptReason,
  type TaskInHand,
} from "./taskInHand.ts";

export type HeldTasks = ReturnType<typeof makeHeldTasks>;

interface Held {
  inHand: TaskInHand;
  /** When the last confirmed renewal was sent, by `elapsedMs()`; first the delivery. */
  confirmedAt: number;
  /** When the last renewal was sent. */
  renewedAt: number;
}

export function makeHeldTasks({
  ackWaitMs,
  states,
  now = elapsedMs,
}: {
  ackWaitMs: number;
  states: Pick<TaskStates<TaskState>, "surelyAll">;
  /** In ms; it goes on while the machine sleeps, as leases do. */
  now?: () => number;
}) {
  const all = new PassingMap<string, Held>();
  const { renewEveryMs, provesForMs, checkEveryMs } = leaseTimes(ackWaitMs);
  const timer = setInterval(renewThoseDue, checkEveryMs);

  function renewThoseDue(): void {
    for (const { inHand } of all.values()) inHand.checkLease();
    const due = [...all.values()].filter(
      ({ inHand, renewedAt }) =>
        !inHand.signal.aborted && now() - renewedAt >= renewEveryMs,
    );
    for (const held of due) void renew(held);
    if (due.length > 0) void lookInto(due.map(({ inHand }) => inHand));
  }

  async function renew(held: Held): Promise<void> {
    const sentAt = now();
    held.renewedAt = sentAt;
    try {
      await held.inHand.item.renew(renewEveryMs);
    } catch {
      return; // The next one may be answered; if none is in time, the lease is lost.
    }
    if (sentAt - held.confirmedAt <= provesForMs) held.confirmedAt = sentAt;
  }

  async function lookInto(due: readonly TaskInHand[]): Promise<void> {
    const tasks = due.map(({ state }) => state.task);
    const answers = await states.surelyAll(tasks);
    answers.forEach((answer, i) => due[i]?.change({ kind: "renewed", answer }));
  }

  function hold(item: WorkItem): TaskInHand {
    const { task_id } = item.event.data;
    const heldAt = now();
    const inHand = makeTaskInHand(item, {
      isLeaseOver: () => now() - held.confirmedAt > provesForMs,
      release: () => void all.delete(task_id),
    });
    const held: Held = { inHand, confirmedAt: heldAt, renewedAt: heldAt };
    all.set(task_id, held);
    return inHand;
  }

  /** The broker may have forgotten what was known. */
  function doubtAll(): void {
    const at = now();
    for (const { inHand } of all.values())
      inHand.change({ kind: "doubted", at });
  }

  return {
    hold,
    /** Breaks off one task, if it is in hand. */
    interrupt: (taskId: string, reason: InterruptReason) =>
      all.get(taskId)?.inHand.interrupt(reason),
    interruptAll(reason: InterruptReason) {
      for (const { inHand } of all.values()) inHand.interrupt(reason);
    },
    doubtAll,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
