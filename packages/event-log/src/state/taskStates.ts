/**
 * The state of a task: all who need it ask here, and differ only in what they do with the answer. The answer says what it
 * was taken from (`by`), and as of when the log showed it (`asOf`).
 * - `shown` is a stale read: what the projection shows at the moment. It reads the own writes of its process. It costs one
 *   look at the projection.
 * - `delivered` is `shown` for a task that was just delivered, where the delivery alone may prove that the task is open.
 * - `surely` and `surelyAll` are linearizable reads: the answer has all that the log had at the call. They cost one
 *   question for the log's end and one look at the projection. The log is read where the projection has not read so far.
 *
 * The projection comes in as a function, since only the task store may know Redis. The log is read by the task index, or
 * by a search (`searchLog.ts`) or a reader (`followLog.ts`): decision 0012.
 */
import {
  isOpen,
  projectionPatienceMs,
  type EndedTask,
  type OpenTask,
  type TaskState,
} from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import type { Broker } from "../broker/connection.ts";
import {
  readHighWaterMark,
  type DeliveryProof,
  type HighWaterMark,
} from "./highWaterMark.ts";
import type { RecentlyStored } from "./recentlyStored.ts";

/** Tasks and checkpoint of the projection as they were at one instant. */
export interface Look {
  /** How far the log is folded in; undefined: nothing is projected. */
  checkpoint: { created: string; seq: number; caughtUp: boolean } | undefined;
  /** In the order of the ids; undefined: unknown, or its outcome has expired. */
  tasks: (TaskState | undefined)[];
}

/** The projection as this package is given it: only the task store knows where it is kept. */
export interface Projection {
  /** Rejects where it can't be read. */
  look: (ids: readonly string[]) => Promise<Look>;
  /** Waits for the projection to read up to a sequence; false: it has not. Absent: it is looked at until it has. */
  reaches?: (seq: number) => Promise<boolean>;
}

/**
 * What an answer is taken from.
 * - projection: the states that the results service keeps
 * - log: the task's events themselves
 * - delivery: the first one of a request that was stored after a reading of the log's end
 * - acceptance: the request, which this process stored and the projection has not read yet
 */
export type Basis = "projection" | "log" | "delivery" | "acceptance";

interface Known {
  by: Basis;
  /** The log showed this state then, by `elapsedMs()`; undefined: at some earlier time (a stale read). */
  asOf: number | undefined;
}

export type TaskAnswer =
  /** With an `asOf` it is surely open as of then: it had no outcome. */
  | ({ status: "open"; task: OpenTask } & Known)
  | ({ status: "ended"; task: EndedTask } & Known)
  /** The log has no request of the task, or has lost it. */
  | ({ status: "absent"; task?: undefined } & Known)
  /** `task`: what a projection shows that is being rebuilt, or may be late. `because`: why the log can't be read. */
  | { status: "unknown"; task?: OpenTask | undefined; because?: unknown };

/** A task that is asked for; `seq`: of its request, where that is known. */
export type TaskQuery = Pick<TaskState, "task_id"> & { seq?: number };

/**
 * The state of a task by the log itself, which is read at least up to `end`. Undefined: the log has no such task, or has
 * lost it. Rejects where the log can't be read, or not in time.
 */
export type FromLog<Query> = (
  query: Query,
  end: HighWaterMark,
) => Promise<TaskState | undefined>;

export type TaskStates<Query extends TaskQuery = TaskQuery> = ReturnType<
  typeof makeTaskStates<Query>
>;

/**
 * None of its functions rejects. Without `fromLog`, what the projection can't say is unknown; without `recent`, no writes
 * are read back.
 */
export function makeTaskStates<Query extends TaskQuery = TaskQuery>(
  broker: Broker,
  projection: Projection,
  {
    fromLog,
    recent,
  }: { fromLog?: FromLog<Query>; recent?: RecentlyStored } = {},
) {
  const coveringLook = makeCoveringLook(projection);

  /**
   * What the projection shows at the moment, or else what this process stored itself. `asOf` is that of the mark, where
   * the projection covers it. While the projection is rebuilt, only outcomes are believed.
   */
  async function shown(
    taskId: string,
    mark?: HighWaterMark,
  ): Promise<TaskAnswer> {
    const look = await projection.look([taskId]).catch(() => undefined);
    const { caughtUp = false, seq = 0 } = look?.checkpoint ?? {};
    const task = look?.tasks[0];
    const asOf = mark && covers(look, mark) ? mark.at : undefined;
    if (task !== undefined && !isOpen(task))
      return answerOf(task, "projection", asOf);
    if (!caughtUp) return { status: "unknown", task };
    const accepted = recent?.accepted(taskId);
    const open =
      task ?? (accepted && accepted.seq > seq ? accepted : undefined);
    if (open === undefined) return { status: "unknown" };
    // What was told once is told from then on.
    const ended = await recent?.outcomeOf(open).catch(() => undefined);
    if (ended !== undefined) return answerOf(ended, "log");
    return answerOf(open, task ? "projection" : "acceptance", asOf);
  }

  /**
   * A task that was just delivered, as its request alone makes it: surely open where it was never started, by the
   * delivery or by a projection that covers its mark.
   */
  async function delivered(
    task: TaskState,
    { freshAsOf, highWaterMark }: DeliveryProof,
  ): Promise<TaskAnswer> {
    const answer = await shown(task.task_id, highWaterMark);
    if (answer.status === "ended") return answer;
    // It was started: by now its worker may have written more.
    if (answer.task?.attempt) return { status: "unknown", task: answer.task };
    return freshAsOf === undefined
      ? answer
      : answerOf(task, "delivery", freshAsOf);
  }

  /** Several tasks, in their order, as of the same instant, which is that of the call. */
  async function surelyAll(queries: readonly Query[]): Promise<TaskAnswer[]> {
    try {
      const end = await readHighWaterMark(broker);
      const ids = queries.map(({ task_id }) => task_id);
      const look = await coveringLook(end, ids);
      return await Promise.all(
        queries.map((query, i) => asOfEnd(query, end, look?.tasks[i])),
      );
    } catch (because) {
      return queries.map(() => ({ status: "unknown", because }));
    }
  }

  /** `projected`: as a projection shows it that covers the log's end. */
  async function asOfEnd(
    query: Query,
    end: HighWaterMark,
    projected: TaskState | undefined,
  ): Promise<TaskAnswer> {
    const asOf = end.at;
    const absent = { status: "absent", by: "log", asOf } as const;
    if (query.seq !== undefined && query.seq > end.lastSeq) return absent;
    if (projected !== undefined) return answerOf(projected, "projection", asOf);
    // Absence in the projection proves nothing: the task may have expired there.
    if (fromLog === undefined) return { status: "unknown" };
    try {
      const task = await fromLog(query, end);
      // What is told now is told from then on: a late projection doesn't take it back.
      if (task !== undefined && !isOpen(task))
        recent?.noteOutcome(task.task_id, task.end_seq);
      return task === undefined ? absent : answerOf(task, "log", asOf);
    } catch (because) {
      return { status: "unknown", because };
    }
  }

  /** The state as of the call. */
  async function surely(query: Query): Promise<TaskAnswer> {
    const [answer] = await surelyAll([query]);
    return answer ?? { status: "unknown" };
  }

  return { shown, delivered, surely, surelyAll };
}

export const openIn = (answers: readonly TaskAnswer[]): OpenTask[] =>
  answers.flatMap((answer) => (answer.status === "open" ? answer.task : []));

function answerOf(task: TaskState, by: Basis, asOf?: number): TaskAnswer {
  return isOpen(task)
    ? { status: "open", task, by, asOf }
    : { status: "ended", task, by, asOf };
}

/** Whether the projection has read the log at least so far; while it rebuilds, it covers nothing. */
function covers(look: Look | undefined, mark: HighWaterMark): boolean {
  const { caughtUp, created, seq = 0 } = look?.checkpoint ?? {};
  return caughtUp === true && created === mark.created && seq >= mark.lastSeq;
}

/** It is mostly a commit behind; where it is more, it is not asked for that all the time. */
const again = { firstMs: 2, longestMs: 25 };

/**
 * Makes the look that waits, for 2 s at most, until the projection covers a high-water mark; undefined: it doesn't in
 * that time, or it is away. One that was waited for in vain is not waited for again until it has caught up.
 */
export function makeCoveringLook(
  { look, reaches }: Projection,
  /** A clock in ms. */
  now = () => performance.now(),
) {
  let isLate = false;

  return async (
    mark: HighWaterMark,
    ids: readonly string[],
  ): Promise<Look | undefined> => {
    if ((await reaches?.(mark.lastSeq)) === false) return undefined;
    const until = now() + (isLate ? 0 : projectionPatienceMs);
    for (let ms = again.firstMs; ; ms = Math.min(2 * ms, again.longestMs)) {
      // A look from before a stand-still is no last one.
      const isLast = now() >= until;
      const seen = await look(ids).catch(() => undefined);
      const isThere = covers(seen, mark);
      if (isThere || isLast) {
        isLate = !isThere;
        return isThere ? seen : undefined;
      }
      await sleep(ms);
    }
  };
}
