/** What the log itself says of a task, for when the projection can't say. Ids are in the headers, so bodies stay there. */
import {
  evolve,
  parseEventSubject,
  slugOf,
  taskIdOffByMs,
  taskIdTime,
  workerLookUpMs,
  type Queue,
  type TaskState,
} from "@jetscribe/schema";
import { decodeEvent } from "../codec/codec.ts";
import type { Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import type { Delivery } from "./pull.ts";
import { followStream, scan } from "./readLog.ts";
import {
  confirm,
  eventIdAt,
  messageAt,
  streamState,
  type StreamState,
} from "../broker/streamState.ts";
import { askTaskIndex } from "./taskIndex.ts";

const idOfHeader = (message: Delivery) => message.header("Nats-Msg-Id");

/** The task id in a message id: `<task>.requested`, `<task>.started.1`, `<task>.outcome`. */
const taskOf = (id: string): string => id.slice(0, id.indexOf("."));
const isOutcomeId = (id: string): boolean => id.endsWith(".outcome");

/** A task by its id, and whose it has to be (a slug). */
interface Wanted {
  taskId: string;
  owner: string;
}

/**
 * The state of a task of this owner, from the log: by the task index, and where none answers by a search. Undefined
 * where the log certainly has none. Rejects with the signal's reason, or where the broker is lost or, in a cluster, has
 * another leader meanwhile.
 */
export async function findTask(
  broker: Broker,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<TaskState | undefined> {
  const { taskId, owner } = wanted;
  const time = taskIdTime(taskId);
  if (time === undefined) return undefined;
  const end = await orAborted(
    streamState(broker, broker.streams.events),
    signal,
  );
  const seqs =
    (await askTaskIndex(broker, taskId, end, signal)) ??
    (await searchEvents(broker, wanted, { time, end }, signal));
  const task = await foldEvents(broker, taskId, seqs, signal);
  if (task === undefined)
    await confirm(broker, broker.streams.events, end, signal);
  return task !== undefined && slugOf(task.owner) === owner ? task : undefined;
}

/**
 * The sequences of a task's events up to its first outcome. Its request is searched from the time in its id on, and up
 * to the log's end: the times of messages may go back, where the broker's clock was set back.
 */
async function searchEvents(
  broker: Broker,
  { taskId, owner }: Wanted,
  { time, end }: { time: number; end: StreamState },
  signal: AbortSignal,
): Promise<number[]> {
  const node = end.leader?.node;
  let request: { seq: number; queue: Queue } | undefined;
  await scan(
    broker,
    {
      stream: broker.streams.events,
      from: { timeMs: Math.max(0, time - taskIdOffByMs) },
      filter: broker.subjects.event("requested", {
        model: "*",
        lane: "*",
        owner,
      }),
      headersOnly: true,
      node,
    },
    (message) => {
      const queue = parseEventSubject(message.subject)?.queue;
      if (queue !== undefined && idOfHeader(message) === `${taskId}.requested`)
        request = { seq: message.seq, queue };
      return request !== undefined;
    },
    signal,
  );
  if (request === undefined) return [];
  return await eventsOf(broker, taskId, { ...request, node }, signal);
}

/** The sequences of a task's events from its request up to its first outcome. */
async function eventsOf(
  broker: Broker,
  taskId: string,
  { seq, queue, node }: { seq: number; queue: Queue; node: string | undefined },
  signal: AbortSignal,
): Promise<number[]> {
  const seqs: number[] = [];
  await scan(
    broker,
    {
      stream: broker.streams.events,
      from: { seq },
      filter: broker.subjects.event("*", queue),
      headersOnly: true,
      node,
    },
    (message) => {
      const id = idOfHeader(message);
      if (taskOf(id) !== taskId) return false;
      seqs.push(message.seq);
      return isOutcomeId(id);
    },
    signal,
  );
  return seqs;
}

/** The state that a task's events make; those that are another task's by now are left out. */
async function foldEvents(
  broker: Broker,
  taskId: string,
  seqs: readonly number[],
  signal?: AbortSignal,
  from?: TaskState,
): Promise<TaskState | undefined> {
  const messages = seqs.map((seq) =>
    messageAt(broker, broker.streams.events, seq),
  );
  let state = from;
  for (const message of await orAborted(Promise.all(messages), signal)) {
    const decoded = message && decodeEvent(message);
    if (decoded === undefined || !("event" in decoded)) continue;
    if (decoded.event.data.task_id === taskId)
      state = evolve(state, decoded.event);
  }
  return state;
}

/** Whether the log lost the request of a task that stood in it: it is shorter now, or has another event there. */
export async function hasLost(
  broker: Broker,
  task: Pick<TaskState, "task_id" | "seq">,
): Promise<boolean> {
  const { lastSeq } = await streamState(broker, broker.streams.events);
  return await isMissing(broker, task, lastSeq);
}

async function isMissing(
  broker: Broker,
  { task_id, seq }: Pick<TaskState, "task_id" | "seq">,
  lastSeq: number,
): Promise<boolean> {
  if (seq > lastSeq) return true;
  const id = await eventIdAt(broker, seq);
  // Without a message it has aged out, or was erased.
  return id !== undefined && id !== `${task_id}.requested`;
}

export interface LogIndex extends AsyncDisposable {
  /**
   * The state of a task whose request is known, as the log shows it now: read up to its last sequence as of the call.
   * Undefined: the log has lost the request. Rejects where that takes longer than 10 s, or the broker is lost.
   */
  stateOf(requested: TaskState): Promise<TaskState | undefined>;
}

/** Nobody asked for so long: the index forgets everything and stops reading. */
const idleAfterMs = 60_000;
/** Where somebody asks at least once a minute it never stops: with more tasks than these it begins anew. */
const mostTasks = 20_000;

/**
 * The look-ups of a worker: by the task index, and where none answers by a reader of its own for all of them. That one
 * follows the log's headers from the oldest task in question, and keeps where each task's later events stand. It reads
 * only while somebody asks.
 */
export function makeLogIndex(
  broker: Broker,
  { most = mostTasks }: { most?: number } = {},
): LogIndex {
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
    const isFull = eventsAt.size > most;
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
    const id = idOfHeader(message);
    if (!id.endsWith(".requested")) {
      const seqs = eventsAt.get(taskOf(id));
      if (seqs === undefined) eventsAt.set(taskOf(id), [message.seq]);
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

  return {
    async stateOf(requested) {
      clearTimeout(idle);
      idle = setTimeout(() => void stop(), idleAfterMs).unref();
      const signal = AbortSignal.timeout(workerLookUpMs);
      const end = await orAborted(
        streamState(broker, broker.streams.events),
        signal,
      );
      const { lastSeq } = end;
      const { task_id, seq } = requested;
      const fold = async (seqs: readonly number[]) =>
        (await foldEvents(broker, task_id, seqs, signal, requested)) ??
        requested;
      const missing = isMissing(broker, requested, lastSeq);
      if (await orAborted(missing, signal)) return undefined;
      const known = await askTaskIndex(broker, task_id, end, signal);
      if (known !== undefined) return await fold(known);
      asked.push(seq);
      try {
        readOn();
        while (position < lastSeq) await orAborted(moved.promise, signal);
      } finally {
        asked.splice(asked.indexOf(seq), 1);
      }
      // In the same turn as the look at the position: another call may make the reader begin anew.
      return await fold(eventsAt.get(task_id) ?? []);
    },
    [Symbol.asyncDispose]: stop,
  };
}
