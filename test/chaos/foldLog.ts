/** Which tasks are open, as the log alone tells it: event by event, up to any place in it. */
import type { LoggedEvent } from "./readLog.ts";

export interface OpenTask {
  id: string;
  /** Of its request. */
  seq: number;
  queue: string;
  attempt: number;
  runs: boolean;
  /** It has a not_before, and was never started. */
  scheduled: boolean;
}

export interface Fold {
  /** By task id, in the order of the requests. */
  readonly open: ReadonlyMap<string, OpenTask>;
  /** The last sequence that was folded in. */
  readonly seq: number;
  /** Goes on to `upTo`, by default to the end. */
  advance(log: readonly LoggedEvent[], upTo?: number): void;
}

export function foldLog(): Fold {
  const open = new Map<string, OpenTask>();
  const known = new Set<string>();
  let seq = 0;
  /** How many were folded in: what was dropped from the log is not among them. */
  let folded = 0;

  function take({ word, taskId: id, seq, queue, data }: LoggedEvent): void {
    if (word === "requested" && !known.has(id)) {
      known.add(id);
      const scheduled = data["not_before"] !== undefined;
      open.set(id, { id, seq, queue, attempt: 0, runs: false, scheduled });
    }
    const task = open.get(id);
    if (task === undefined) return;
    const attempt = Number(data["attempt"]);
    if (word === "started" && attempt > task.attempt) {
      Object.assign(task, { attempt, runs: true, scheduled: false });
    } else if (word === "retried") {
      const ends =
        attempt === task.attempt ? task.runs : attempt > task.attempt;
      if (ends) Object.assign(task, { attempt, runs: false, scheduled: false });
    } else if (word !== "requested" && word !== "started") open.delete(id);
  }

  return {
    open,
    get seq() {
      return seq;
    },
    advance(log, upTo = Infinity) {
      for (let next; (next = log[folded]) && next.seq <= upTo; folded++) {
        take(next);
        seq = next.seq;
      }
    },
  };
}
