/** Pure: what becomes of a delivered task, once the log has said what state it is in. Rules 2 and 6 of the design. */
import {
  deadlineOf,
  isOpen,
  type CancelledBecause,
  type TaskState,
} from "@jetscribe/schema";
import type { Witness } from "../ownership/peers.ts";

export interface Limits {
  /** Of this worker. */
  workerId: string;
  maxAttempts: number;
  /** The engine is elsewhere: a task can't harm the others here, and none runs alone. */
  engineIsElsewhere?: boolean;
  ackWaitMs: number;
}

export type Decision =
  /** It has its outcome. */
  | { kind: "acknowledge" }
  /** `alone`: with no other task in the engine, since one more failure ends it. */
  | { kind: "start"; attempt: number; alone: boolean }
  /** It failed too often to be started once more. */
  | { kind: "give up" }
  /** It waited past its time. */
  | { kind: "expire" }
  /** It has no outcome, and its deadline is over, or a newer task of its group takes its place. */
  | { kind: "cancel"; because: CancelledBecause }
  | { kind: "hand back"; afterMs: number }
  /** The running attempt is nobody's any more. */
  | { kind: "take over"; reason: "gone" | "lease"; from: string }
  /** Its worker lives; a newer announcement says whether it still has the task. */
  | { kind: "await announcement"; workerId: string };

const inTime: Decision = { kind: "cancel", because: "deadline" };

/** `task` is surely what the log says: a state is never taken from a projection that may be late. */
export function decide(
  task: TaskState,
  witness: Witness & { superseded?: boolean },
  { workerId, maxAttempts, ackWaitMs, engineIsElsewhere = false }: Limits,
): Decision {
  if (!isOpen(task)) return { kind: "acknowledge" };
  const { at, end } = deadlineOf(task);
  const isCancelled = end === "cancelled" && at <= witness.now;
  if (task.attempt === 0 && at <= witness.now)
    return isCancelled ? inTime : { kind: "expire" };
  if (task.attempt > 0 && witness.named)
    return { kind: "hand back", afterMs: ackWaitMs };
  if (task.status === "queued") {
    if (isCancelled) return inTime;
    if (witness.superseded) return { kind: "cancel", because: "superseded" };
    const most = task.no_retry ? 1 : maxAttempts;
    if (task.failures >= most) return { kind: "give up" };
    const alone = !engineIsElsewhere && task.failures === maxAttempts - 1;
    return { kind: "start", attempt: task.attempt + 1, alone };
  }
  const from = task.worker_id;
  // Our own attempt, and not in hand: its lease was lost.
  if (from === workerId || from === witness.leftOutBy)
    return { kind: "take over", reason: "lease", from };
  if (witness.isHeard(from))
    return { kind: "await announcement", workerId: from };
  return witness.silenceProvesInMs > 0
    ? { kind: "hand back", afterMs: witness.silenceProvesInMs }
    : { kind: "take over", reason: "gone", from };
}
