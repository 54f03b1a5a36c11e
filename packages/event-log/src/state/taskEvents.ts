/** A task's events in the log, and the state that they make. */
import { evolve, type TaskState } from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import { eventAt, eventIdAt, streamState } from "../broker/streamState.ts";
import type { Delivery } from "../read/pull.ts";

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
