/** A worker's tasks by the log: by the task index, and where none answers by one reader for all of them. */
import { workerLookUpMs, type TaskState } from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import { eventIdOf, taskIdOf } from "../codec/eventId.ts";
import type { Delivery } from "../read/pull.ts";
import { followStream } from "../read/readLog.ts";
import { askTaskIndex } from "../read/taskIndex.ts";
import { foldEvents, isReplaced } from "./searchLog.ts";
import type { FromLog } from "./taskStates.ts";

/** Nobody asked for so long: it forgets everything and stops reading. */
const idleAfterMs = 60_000;
/** Where somebody asks at least once a minute it never stops: with more tasks than these it begins anew. */
const defaultMaxTasks = 20_000;

/**
 * The reader follows the log's headers from the oldest task in question, and keeps where each task's later events stand.
 * It reads only while somebody asks.
 */
export function makeLogFollower(
  broker: Broker,
  { maxTasks = defaultMaxTasks }: { maxTasks?: number } = {},
) {
  let reading:
    { from: number; stop: AbortController; done: Promise<void> } | undefined;
  let position = 0;
  let moved = Promise.withResolvers<void>();
  const eventsAt = new Map<string, number[]>();
  let idle: NodeJS.Timeout | undefined;
  /** Where the requests of all tasks in question stand. */
  const asked: number[] = [];

  function readOn() {
    const from = Math.min(...asked);
    const isFull = eventsAt.size > maxTasks;
    const reads = reading?.from ?? Infinity;
    if (reads === from || (reads < from && !isFull)) return;
    reading?.stop.abort();
    const stop = new AbortController();
    const done = followStream(
      broker,
      {
        stream: broker.streams.events,
        headersOnly: true,
        // Whatever interrupted the reading may have changed the log too.
        resume: () => {
          if (!stop.signal.aborted) {
            eventsAt.clear();
            position = from - 1;
          }
          return Promise.resolve(from);
        },
        onBatch: (messages) => {
          if (!stop.signal.aborted) messages.forEach(take);
        },
      },
      stop.signal,
    ).catch((error: unknown) => {
      // The connection is being closed. Nobody may wait any more, so the error is looked at here too.
      if (reading?.stop === stop) reading = undefined;
      const waiting = moved;
      moved = Promise.withResolvers();
      waiting.promise.catch(() => undefined);
      waiting.reject(error);
    });
    eventsAt.clear();
    position = from - 1;
    reading = { from, stop, done };
  }

  function take(message: Delivery) {
    const id = eventIdOf(message);
    if (!id.endsWith(".requested")) {
      const seqs = eventsAt.get(taskIdOf(id));
      if (seqs === undefined) eventsAt.set(taskIdOf(id), [message.seq]);
      else seqs.push(message.seq);
    }
    position = message.seq;
    const waiting = moved;
    moved = Promise.withResolvers();
    waiting.resolve();
  }

  async function stop() {
    clearTimeout(idle);
    const { done } = reading ?? {};
    reading?.stop.abort();
    reading = undefined;
    eventsAt.clear();
    await done;
  }

  /** The sequences of a task's events after its request. */
  async function eventsOf(
    { task_id, seq }: TaskState,
    lastSeq: number,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    asked.push(seq);
    try {
      readOn();
      while (position < lastSeq) await orAborted(moved.promise, signal);
      // In the same turn as the look at the position: another call may make the reader begin anew.
      return eventsAt.get(task_id) ?? [];
    } finally {
      asked.splice(asked.indexOf(seq), 1);
    }
  }

  return {
    /** Of a task whose request is known. Rejects where it takes longer than 10 s. */
    stateOf: (async (requested, end) => {
      clearTimeout(idle);
      idle = setTimeout(() => void stop(), idleAfterMs).unref();
      const signal = AbortSignal.timeout(workerLookUpMs);
      const { task_id } = requested;
      if (await orAborted(isReplaced(broker, requested), signal))
        return undefined;
      const seqs =
        (await askTaskIndex(broker, task_id, end, signal)) ??
        (await eventsOf(requested, end.lastSeq, signal));
      return await foldEvents(broker, task_id, seqs, signal, requested);
    }) satisfies FromLog<TaskState>,
    [Symbol.asyncDispose]: stop,
  };
}
