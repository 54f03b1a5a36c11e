/**
 * The system as it was when the log ended with a sequence: the tasks that had no outcome then. A snapshot comes from the
 * index's file, and the events between it and the moment from the log.
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { eventIdOf, taskIdOf } from "@jetscribe/event-log/codec/eventId";
import { makeLatest } from "@jetscribe/event-log/read/latest";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { scan } from "@jetscribe/event-log/read/readLog";
import type { MomentRow } from "@jetscribe/event-log/read/taskIndex";
import type { OpenAt } from "./openAt.ts";
import type { NumberedQueue } from "./queueNumbers.ts";
import { keyOf, uuidOf } from "./schema.ts";
import type { TaskPlaces } from "./taskPlaces.ts";
import { foldInto, isOpen, newRow, statuses, type TaskRow } from "./taskRow.ts";

/** People look at one moment from several pages. */
const kept = 2;
const readWithinMs = 5_000;

type Snapshots = Pick<TaskPlaces, "snapshotAt" | "numberOf" | "requestedAt">;

export function makeMoments(broker: Broker) {
  const newLatest = () => makeLatest<string, Promise<OpenAt | undefined>>(kept);
  let latest = newLatest();

  /** The messages of a range, without their bodies. */
  async function read(
    range: { first: number; last: number; node: string | undefined },
    onMessage: (message: Delivery) => void,
  ): Promise<void> {
    if (range.first > range.last) return;
    const { events: stream } = broker.streams;
    const from = { seq: range.first };
    await scan(
      broker,
      { stream, from, headersOnly: true, node: range.node },
      (message) => {
        if (message.seq <= range.last) onMessage(message);
        return message.seq >= range.last;
      },
      AbortSignal.timeout(readWithinMs),
    );
  }

  async function foldUpTo(
    places: Snapshots,
    seq: number,
  ): Promise<OpenAt | undefined> {
    const state = await streamState(broker, broker.streams.events);
    if (seq < state.firstSeq - 1) return undefined;
    const snapshot = places.snapshotAt(seq);
    // What the log has dropped behind the snapshot can't be folded: the log begins with the tasks of today then.
    const isWhole = snapshot.seq >= state.firstSeq - 1;
    const rows = isWhole ? snapshot.rows : new Map<string, TaskRow>();
    const first = Math.max(state.firstSeq, snapshot.seq + 1);
    const node = state.leader?.node;
    await read({ first, last: seq, node }, (message) =>
      foldMessage(rows, message, places),
    );
    return openOf(seq, rows, places);
  }

  /** Undefined: the log has dropped it. Rejects where the log or the file can't be read. */
  async function openAt(
    places: Snapshots,
    { created, at }: { created: string; at: number },
  ): Promise<OpenAt | undefined> {
    const name = `${created} ${at}`;
    const known = latest.get(name);
    if (known) return await known;
    const reading = foldUpTo(places, at);
    latest.set(name, reading);
    return await reading.catch((error: unknown) => {
      latest.delete(name);
      throw error;
    });
  }

  /** The log has another past at the same sequences. */
  const forget = () => void (latest = newLatest());

  return { openAt, forget };
}

/** Those of the rows that have no outcome. A request of a task that had one by then is a repetition, and makes no task. */
export function openOf(
  seq: number,
  rows: Map<string, TaskRow>,
  { requestedAt }: Pick<Snapshots, "requestedAt">,
): OpenAt {
  for (const [id, row] of rows) {
    const isNew = row.requestedAt > 0;
    const isFirst = !isNew || requestedAt(id) === row.requestedAt;
    if (row.queue === 0 || !isOpen(row) || !isFirst) rows.delete(id);
  }
  return { seq, rows };
}

/** Takes a message into the rows of the tasks that were open before it, or that it begins. */
export function foldMessage(
  rows: Map<string, TaskRow>,
  message: Delivery,
  { numberOf }: Pick<Snapshots, "numberOf">,
): void {
  const id = eventIdOf(message);
  const key = keyOf(taskIdOf(id));
  if (key.length !== 16) return;
  const hex = Buffer.from(key).toString("hex");
  const row = rows.get(hex) ?? newRow();
  rows.set(hex, row);
  foldInto(row, message, id, numberOf);
}

/** What waited and ran by model and lane, in the queues that are asked about. */
export function momentRows(
  { rows }: OpenAt,
  queues: readonly NumberedQueue[],
): MomentRow[] {
  const byNumber = new Map(queues.map((queue) => [queue.number, queue]));
  const found = new Map<string, MomentRow>();
  for (const [id, { queue: number, status }] of rows) {
    const queue = byNumber.get(number);
    if (queue === undefined) continue;
    const { model, lane } = queue;
    const name = `${model} ${lane}`;
    const row = found.get(name) ?? { model, lane, queued: 0, running: 0 };
    found.set(name, row);
    if (statuses[status] === "processing") row.running++;
    else row.queued++;
    const task = uuidOf(id);
    if (statuses[status] === "queued" && task < (row.oldest ?? "g"))
      row.oldest = task;
  }
  return [...found.values()];
}
