/** Tasks that nobody ends: those that waited too long, and those whose last worker is gone for good. */
import { AppendError, type Appender } from "@jetscribe/event-log/append/append";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { openIn, type TaskStates } from "@jetscribe/event-log/state/taskStates";
import { streamedSoFar } from "@jetscribe/event-log/tokens/tokens";
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";
import type { Logger, TraceparentOf } from "@jetscribe/runtime";
import {
  aboutTask,
  deadlineOf,
  joinChunks,
  overdueLookEveryMs,
  queueOf,
  slugOf,
  type JoinedText,
  type OpenTask,
} from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { overdue } from "./overdue.ts";
import type { Job } from "../projection/whileLeading.ts";

/** Where the first of a queue is overdue, so many are looked at next. */
const more = 100;
/** So many of those that stand in the order of their deadlines are looked at. */
const early = 1_000;
/** So many are ended at the same time. */
const atOnce = 16;
/** So many that can't be ended are remembered. */
const maxFailing = 100;
const readTextMs = 2_000;

export interface OverdueDeps {
  broker: Broker;
  clock: Pick<BrokerClock, "nowS" | "isRead">;
  appender: Pick<Appender, "append">;
  reader: Pick<TaskReader, "perhapsOverdue">;
  states: Pick<TaskStates, "surelyAll">;
  workers: Pick<WorkersHeard, "all">;
  /** The trace of a task, as the header of its outcome. */
  traceparentOf: TraceparentOf;
  log: Pick<Logger, "warn" | "error">;
}

/** A look ends all tasks that are overdue, once the broker's time is known. One that can't be ended is in no other's way. */
export function endOverdue({
  broker,
  clock,
  appender,
  reader,
  states,
  workers,
  traceparentOf,
  log,
}: OverdueDeps): Job {
  /** Ids of the tasks that could not be ended, the latest last: they are looked past. */
  const failing = new Set<string>();

  async function find(now: number, ofEach: number): Promise<OpenTask[]> {
    const ids = await reader.perhapsOverdue(now, {
      ofEach: ofEach + failing.size,
      early: early + failing.size,
    });
    if (ids.length === 0) return [];
    const answers = await states.surelyAll(ids.map((task_id) => ({ task_id })));
    return openIn(answers).filter((task) => deadlineOf(task).at <= now);
  }

  /** Ends those that are found; how many were found, and how many of them ended. */
  async function check(
    ofEach: number,
  ): Promise<{ found: number; ended: number }> {
    const now = clock.nowS();
    const found = await find(now, ofEach);
    let ended = 0;
    for (let i = 0; i < found.length; i += atOnce) {
      const some = found.slice(i, i + atOnce);
      const results = await Promise.all(
        some.map((task) => tryToEnd(task, now)),
      );
      ended += results.filter(Boolean).length;
    }
    return { found: found.length, ended };
  }

  async function tryToEnd(task: OpenTask, now: number): Promise<boolean> {
    const { task_id } = task;
    try {
      await end(task, now);
      failing.delete(task_id);
      return true;
    } catch (error) {
      if (isAway(error)) throw error;
      if (!failing.has(task_id))
        log.error(
          { ...aboutTask(task), err: error },
          "an overdue task can't be ended",
        );
      failing.add(task_id);
      for (const id of failing)
        if (failing.size > maxFailing) failing.delete(id);
      return false;
    }
  }

  async function end(task: OpenTask, now: number): Promise<void> {
    const queue = queueOf(task);
    const refusals = workers
      .all()
      .filter((worker) => slugOf(worker.model) === queue.model)
      .map(({ error }) => error?.message);
    const eventWith = (text: JoinedText) =>
      overdue(task, { text, refusals, now });
    const event = eventWith(await textOf(task));
    const trace = {
      traceparent: traceparentOf(task),
      task,
    };
    await appender.append(event, queue, trace).catch((error: unknown) => {
      if (!(error instanceof AppendError) || error.code !== "too_large")
        throw error;
      return appender.append(eventWith(noText), queue, trace);
    });
    const { end } = deadlineOf(task);
    log.warn({ ...aboutTask(task), ended_as: end }, "a task is past its time");
  }

  const textOf = async ({ task_id, attempt }: OpenTask): Promise<JoinedText> =>
    attempt === 0
      ? noText
      : streamedSoFar(broker, task_id, AbortSignal.timeout(readTextMs));

  return {
    everyMs: overdueLookEveryMs,
    failed: "overdue tasks can't be looked at",
    async look(signal) {
      if (!clock.isRead()) return;
      let { found: left } = await check(1);
      while (left > 0 && !signal.aborted) left = (await check(more)).ended;
    },
  };
}

const noText = joinChunks([]);

/** No task can be ended now, not only this one: everything but the refusal of an event is the broker's trouble. */
const isAway = (error: unknown): boolean =>
  error instanceof AppendError &&
  error.code !== "refused" &&
  error.code !== "too_large";
