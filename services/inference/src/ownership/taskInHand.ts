/**
 * A task that this worker has in hand, by what it knows of it. Only `next` changes the state:
 *
 *   state       change                                           next state
 *   (none)      delivered                                        unproven
 *   unproven    found, renewed: the log had it open              open; unproven where that was before the latest doubt
 *   open        found, renewed: the log had it open              open
 *   both        found: the log has its outcome                   ended
 *   both        found, renewed: the log has lost its request     interrupted (vanished)
 *   both        renewed: the log has its outcome                 interrupted (outcome)
 *   both        renewed: it runs here, the log has a later start interrupted (superseded)
 *   both        found, renewed: unknown                          the same
 *   both        recorded: this worker's event is in the log      the same, with the event
 *   both        doubted: another worker may have it              unproven
 *   all three   interrupted                                      interrupted
 *   ended       any other                                        ended
 *   interrupted any                                              interrupted
 *
 * `found` is what the log said when the work stood still and asked for it; `renewed` is what it said at the renewal of
 * the lease, beside the work: that may be older than what the work has recorded since, so the task stays as it is.
 */
import type { TaskAnswer } from "@jetscribe/event-log/state/taskStates";
import type { WorkItem } from "@jetscribe/event-log/work/consume";
import {
  evolve,
  isOpen,
  type EndedTask,
  type OpenTask,
  type RecordedEvent,
  type TaskState,
} from "@jetscribe/schema";

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

/** Times are by `elapsedMs()`. */
export type HandState =
  /** It may have an outcome; a reading of the log from before `doubtedAt` proves nothing. */
  | { status: "unproven"; task: OpenTask; doubtedAt: number }
  /** It surely had no outcome at `asOf`. */
  | { status: "open"; task: OpenTask; asOf: number }
  | { status: "ended"; task: EndedTask }
  | { status: "interrupted"; task: TaskState; reason: InterruptReason };

export type Change =
  | { kind: "found" | "renewed"; answer: TaskAnswer }
  | { kind: "recorded"; event: RecordedEvent }
  | { kind: "doubted"; at: number }
  | { kind: "interrupted"; reason: InterruptReason };

/** The state that a delivery makes. */
export function delivered({ event }: Pick<WorkItem, "event">): HandState {
  const task = evolve(undefined, event);
  if (task === undefined || !isOpen(task))
    throw new Error("a request makes an open task");
  return { status: "unproven", task, doubtedAt: -Infinity };
}

export function next(state: HandState, change: Change): HandState {
  if (state.status === "interrupted") return state;
  if (change.kind === "interrupted")
    return interrupted(state.task, change.reason);
  if (state.status === "ended") return state;
  switch (change.kind) {
    case "found":
    case "renewed":
      return answered(state, change);
    case "recorded": {
      const task = evolve(state.task, change.event) ?? state.task;
      return isOpen(task) ? { ...state, task } : { status: "ended", task };
    }
    case "doubted":
      return { status: "unproven", task: state.task, doubtedAt: change.at };
  }
}

type Unended = Extract<HandState, { task: OpenTask }>;

function answered(
  state: Unended,
  { kind, answer }: Extract<Change, { answer: TaskAnswer }>,
): HandState {
  switch (answer.status) {
    case "absent":
      return interrupted(state.task, "vanished");
    case "ended":
      return kind === "found"
        ? { status: "ended", task: answer.task }
        : interrupted(state.task, "outcome");
    case "open":
      if (kind === "found")
        return openAsOf({ ...state, task: answer.task }, answer.asOf);
      return state.task.status === "processing" &&
        answer.task.attempt > state.task.attempt
        ? interrupted(state.task, "superseded")
        : openAsOf(state, answer.asOf);
    case "unknown":
      return state;
  }
}

/** By the latest reading: an earlier one may be answered after it. `asOf` undefined: of a time that isn't known. */
function openAsOf(state: Unended, asOf = -Infinity): HandState {
  const provenFrom = state.status === "open" ? state.asOf : state.doubtedAt;
  return asOf > -Infinity && asOf >= provenFrom
    ? { status: "open", task: state.task, asOf }
    : state;
}

const interrupted = (task: TaskState, reason: InterruptReason): HandState => ({
  status: "interrupted",
  task,
  reason,
});

type Made = ReturnType<typeof makeTaskInHand>;
export type TaskInHand = Readonly<Omit<Made, "ranHere" | "firstTokenAt">> &
  Pick<Made, "ranHere" | "firstTokenAt">;

export function makeTaskInHand(
  item: WorkItem,
  { isLeaseOver, release }: { isLeaseOver: () => boolean; release: () => void },
) {
  const stop = new AbortController();

  function change(change: Change): void {
    const state = next(inHand.state, change);
    inHand.state = state;
    if (state.status === "interrupted" && !stop.signal.aborted)
      stop.abort(
        new Error(`the work on the task was broken off: ${state.reason}`),
      );
  }

  const interrupt = (reason: InterruptReason) =>
    change({ kind: "interrupted", reason });

  // The state is a field and no getter: that would take half a KB more for every task.
  const inHand = {
    item,
    state: delivered(item),
    change,
    interrupt,
    /** Interrupts it if its lease may be over, which a late timer would not have noticed yet. */
    checkLease() {
      if (isLeaseOver()) interrupt("lease");
    },
    /** The attempt that this worker's engine got last, and when that one's first token came, in seconds since the epoch. */
    ranHere: 0,
    firstTokenAt: undefined as number | undefined,
    /** Aborts when it is interrupted. */
    signal: stop.signal,
    [Symbol.dispose]: release,
  };
  return inHand;
}
