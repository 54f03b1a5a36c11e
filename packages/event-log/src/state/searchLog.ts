/** One task by its events in the log, however old: by the task index, and where none answers by a search. */
import {
  evolve,
  parseEventSubject,
  slugOf,
  taskIdOffByMs,
  taskIdTime,
  type Queue,
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
import type { Delivery } from "../read/pull.ts";
import { scan } from "../read/readLog.ts";
import { askTaskIndex } from "../read/taskIndex.ts";
import type { HighWaterMark } from "./highWaterMark.ts";

/** A task by its id, and whose it has to be (a slug). */
export interface OwnedTask {
  task_id: string;
  owner: string;
}

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
  const time = taskIdTime(task_id);
  if (time === undefined) return undefined;
  const seqs =
    (await askTaskIndex(broker, task_id, end, signal)) ??
    (await searchEvents(broker, wanted, { time, end }, signal));
  const task = await foldEvents(broker, task_id, seqs, signal);
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
  { task_id, owner }: OwnedTask,
  { time, end }: { time: number; end: HighWaterMark },
  signal: AbortSignal,
): Promise<number[]> {
  const { events: stream } = broker.streams;
  const reading = { stream, headersOnly: true, node: end.leader?.node };
  const anyQueue = { model: "*", lane: "*", owner };
  let request: { seq: number; queue: Queue } | undefined;
  await scan(
    broker,
    {
      ...reading,
      from: { timeMs: Math.max(0, time - taskIdOffByMs) },
      filter: broker.subjects.event("requested", anyQueue),
    },
    (message) => {
      const queue = parseEventSubject(message.subject)?.queue;
      if (queue !== undefined && eventIdOf(message) === `${task_id}.requested`)
        request = { seq: message.seq, queue };
      return request !== undefined;
    },
    signal,
  );
  if (request === undefined) return [];
  const { seq, queue } = request;
  const seqs: number[] = [];
  await scan(
    broker,
    {
      ...reading,
      from: { seq },
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

/** Ids are in the headers, so bodies can stay in the log. */
export const eventIdOf = (message: Delivery): string =>
  message.header("Nats-Msg-Id");

/** The task id in an event's id: `<task>.requested`, `<task>.started.1`, `<task>.outcome`. */
export const taskIdOf = (eventId: string): string =>
  eventId.slice(0, eventId.indexOf("."));

/** The state that a task's events make; those that are another task's by now are left out. */
export async function foldEvents(
  broker: Broker,
  taskId: string,
  seqs: readonly number[],
  signal: AbortSignal,
  from?: TaskState,
): Promise<TaskState | undefined> {
  const reading = Promise.all(seqs.map((seq) => eventAt(broker, seq)));
  let state = from;
  for (const event of await orAborted(reading, signal))
    if (event?.data.task_id === taskId) state = evolve(state, event);
  return state;
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
