/** One task by its events in the log, however old: by the task index, and where none answers by a search. */
import {
  evolve,
  parseEventSubject,
  slugOf,
  taskIdOffByMs,
  taskIdTime,
  type Queue,
  type RecordedEvent,
  type TaskState,
} from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import {
  confirm,
  eventAt,
  eventIdAt,
  streamState,
} from "../broker/streamState.ts";
import { eventIdOf, taskIdOf } from "../codec/eventId.ts";
import { scan } from "../read/readLog.ts";
import { askTaskIndex } from "../read/taskIndex.ts";
import type { HighWaterMark } from "./highWaterMark.ts";

/** A task by its id, and whose it has to be (a slug). */
export interface OwnedTask {
  task_id: string;
  owner: string;
}

/** Whose it is (a slug) makes a search shorter, where that is known. */
type FoundTask = Pick<OwnedTask, "task_id"> & Partial<OwnedTask>;

/**
 * The state of a task of this owner. Undefined where the log certainly has none. Rejects with the signal's reason, or
 * where the broker is lost or, in a cluster, has another leader meanwhile.
 */
export async function searchLog(
  broker: Broker,
  wanted: OwnedTask,
  end: HighWaterMark,
  signal: AbortSignal,
): Promise<TaskState | undefined> {
  const { task_id, owner } = wanted;
  const seqs = await seqsOf(broker, wanted, end, signal);
  const task = await foldEvents(broker, task_id, seqs, signal);
  if (task === undefined)
    await confirm(broker, broker.streams.events, end, signal);
  return task !== undefined && slugOf(task.owner) === owner ? task : undefined;
}

/**
 * The events of a task that the log has, oldest first. Those that it has dropped are missing; none are left where it
 * certainly has none. Rejects as {@link searchLog}.
 */
export async function searchHistory(
  broker: Broker,
  wanted: FoundTask,
  end: HighWaterMark,
  signal: AbortSignal,
): Promise<RecordedEvent[]> {
  const seqs = await seqsOf(broker, wanted, end, signal);
  const events = await eventsOf(broker, wanted.task_id, seqs, signal);
  if (events.length === 0)
    await confirm(broker, broker.streams.events, end, signal);
  return events;
}

/** Where a task's events stand, in order: by the task index, and where none answers by a search. */
async function seqsOf(
  broker: Broker,
  wanted: FoundTask,
  end: HighWaterMark,
  signal: AbortSignal,
): Promise<number[]> {
  const time = taskIdTime(wanted.task_id);
  if (time === undefined) return [];
  return (
    (await askTaskIndex(broker, wanted.task_id, end, signal)) ??
    (await searchEvents(broker, wanted, { time, end }, signal))
  );
}

/**
 * The sequences of a task's events up to its first outcome. Its request is searched from the time in its id on, and up
 * to the log's end: the times of messages may go back, where the broker's clock was set back.
 */
async function searchEvents(
  broker: Broker,
  { task_id, owner = "*" }: FoundTask,
  { time, end }: { time: number; end: HighWaterMark },
  signal: AbortSignal,
): Promise<number[]> {
  const { events: stream } = broker.streams;
  const reading = { stream, headersOnly: true, node: end.leader?.node };
  const anyQueue = { model: "*", lane: "*", owner };
  let request: { seq: number; queue: Queue } | undefined;
  // A consumer of 2.9 has one filter, and those of groups have a token more.
  for (const queues of [anyQueue, { ...anyQueue, group: "*" }])
    if (request === undefined)
      await scan(
        broker,
        {
          ...reading,
          from: { timeMs: Math.max(0, time - taskIdOffByMs) },
          filter: broker.subjects.event("requested", queues),
        },
        (message) => {
          const queue = parseEventSubject(message.subject)?.queue;
          const id = eventIdOf(message);
          if (queue !== undefined && id === `${task_id}.requested`)
            request = { seq: message.seq, queue };
          return request !== undefined;
        },
        signal,
      );
  if (request === undefined) return [];
  const { seq, queue } = request;
  const seqs = [seq];
  await scan(
    broker,
    {
      ...reading,
      from: { seq: seq + 1 },
      filter: broker.subjects.event("*", queue),
    },
    (message) => {
      const id = eventIdOf(message);
      if (taskIdOf(id) !== task_id) return false;
      seqs.push(message.seq);
      return id.endsWith(".outcome");
    },
    signal,
  );
  return seqs;
}

/** The state that a task's events make; those that are another task's by now are left out. */
export async function foldEvents(
  broker: Broker,
  taskId: string,
  seqs: readonly number[],
  signal: AbortSignal,
  from?: TaskState,
): Promise<TaskState | undefined> {
  let state = from;
  for (const event of await eventsOf(broker, taskId, seqs, signal))
    state = evolve(state, event);
  return state;
}

async function eventsOf(
  broker: Broker,
  taskId: string,
  seqs: readonly number[],
  signal: AbortSignal,
): Promise<RecordedEvent[]> {
  const reading = Promise.all(seqs.map((seq) => eventAt(broker, seq)));
  const events = await orAborted(reading, signal);
  return events.flatMap((event) =>
    event?.data.task_id === taskId ? [event] : [],
  );
}

type Requested = Pick<TaskState, "task_id" | "seq">;

/** Whether the log lost the request of a task that stood in it: it is shorter now, or has another event there. */
export async function hasLost(
  broker: Broker,
  requested: Requested,
): Promise<boolean> {
  const { lastSeq } = await streamState(broker, broker.streams.events);
  return requested.seq > lastSeq || (await isReplaced(broker, requested));
}

/** Whether another event stands where a task's request stood. Without an event it has aged out, or was erased. */
export async function isReplaced(
  broker: Broker,
  { task_id, seq }: Requested,
): Promise<boolean> {
  const id = await eventIdAt(broker, seq);
  return id !== undefined && id !== `${task_id}.requested`;
}
