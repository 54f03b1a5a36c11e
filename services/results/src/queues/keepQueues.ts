/** The work queues are cursors that the broker keeps; whatever it lost of them is noticed here and made again. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  sendGroupChanged,
  sendWake,
} from "@jetscribe/event-log/signals/signals";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  remakeWorkQueue,
  workQueueInfo,
  workQueueNames,
  type WorkQueueInfo,
} from "@jetscribe/event-log/streams/topology";
import type { Logger } from "@jetscribe/runtime";
import type { Queue } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import type { Projection } from "../projection/projection.ts";
import type { Job } from "../projection/whileLeading.ts";

const checkEveryMs = 5_000;
/** A queue that has lost tasks for so long is made again. */
const shortForMs = 10_000;
/** So many queues are looked at in one check, and so many at the same time: more take turns. */
const maxPerCheck = 500;
const atOnce = 50;

export function keepQueues({
  broker,
  reader,
  projection,
  ackWaitMs,
  log,
}: {
  broker: Broker;
  reader: TaskReader;
  projection: Projection;
  ackWaitMs: number;
  log: Logger;
}): Job {
  /** Since when each queue has been short, by its consumer's name. */
  let short = new Map<string, number>();
  let last = "";

  /** Rejects where Redis was emptied just now, or the projection is of another log: it is tried again after the next look. */
  async function remake(queue: Queue, why: string): Promise<void> {
    const start = await reader.startOf(queue);
    if (start === undefined)
      throw new Error("the projection can't say where the queue begins");
    const { fromSeq } = start;
    log.warn({ ...queue, from_seq: fromSeq, why }, "work queue made again");
    await remakeWorkQueue(broker, queue, { ackWaitMs, fromSeq });
    // It lets as many run as the log's newest request says: a gateway whose newer one is on its way there has to ask again.
    if (queue.group !== undefined) sendGroupChanged(broker, queue);
    sendWake(broker, queue);
  }

  /** One that can't be made now, for want of room for consumers, is in no other's way. */
  async function tryToRemake(queue: Queue, why: string): Promise<void> {
    await remake(queue, why).catch((error: unknown) => {
      log.warn({ ...queue, err: error }, "a work queue can't be made again");
    });
  }

  async function remakeAll(): Promise<void> {
    for (const queue of await workQueueNames(broker))
      await remake(queue, "the log lost its tail");
    projection.queuesRemade();
    short.clear();
  }

  /** Those that are short, and the next ones of the others. */
  async function nextQueues(): Promise<Queue[]> {
    const queues = await reader.openQueues();
    const { chosen, last: end } = takeTurns(
      queues.map((queue) => ({ queue, name: broker.workConsumerName(queue) })),
      { after: last, most: maxPerCheck, always: short },
    );
    last = end;
    return chosen.map(({ queue }) => queue);
  }

  /** What each queue's consumer says; undefined: there is none. */
  async function look(queues: Queue[]) {
    const looked: { queue: Queue; consumer: WorkQueueInfo | undefined }[] = [];
    for (let i = 0; i < queues.length; i += atOnce) {
      const some = queues.slice(i, i + atOnce).map(async (queue) => ({
        queue,
        consumer: await workQueueInfo(broker, queue),
      }));
      // A cluster may have no leader for some of them: that says nothing about these.
      for (const result of await Promise.allSettled(some))
        if (result.status === "fulfilled") looked.push(result.value);
    }
    return looked;
  }

  async function check(): Promise<void> {
    if (projection.queuesInDoubt()) await remakeAll();
    const first = await streamState(broker, broker.streams.events);
    const looked = await look(await nextQueues());
    const { lastSeq } = await streamState(broker, broker.streams.events);
    if (!(await projection.reaches(lastSeq))) return;
    // What is open now, and stood in the log before the consumers were asked, was theirs at that time.
    const counts = await reader.countOpen(
      looked.flatMap(({ queue, consumer }) => [
        { queue, seq: first.lastSeq },
        { queue, seq: Math.min(first.lastSeq, consumer?.deliveredSeq ?? 0) },
      ]),
    );
    const now = performance.now();
    const stillShort: typeof short = new Map();
    for (const [i, { queue, consumer }] of looked.entries()) {
      const open = {
        all: counts[2 * i] ?? 0,
        delivered: counts[2 * i + 1] ?? 0,
      };
      const why = shortfallOf(consumer, open);
      if (why === undefined) continue;
      const name = broker.workConsumerName(queue);
      const since = short.get(name) ?? now;
      if (consumer !== undefined && now - since < shortForMs)
        stillShort.set(name, since);
      else await tryToRemake(queue, why);
    }
    short = stillShort;
  }

  const failed = "the work queues can't be looked at";
  return { everyMs: checkEveryMs, look: check, failed };
}

/**
 * Pure: why a queue has to be made again; undefined: it holds all its open tasks. An open task that was delivered is
 * unacknowledged, and one that was not is pending. `pending` may be too high on nats-server 2.9, so it is never what
 * clears a queue: a task that the consumer passed over is missing among the unacknowledged ones. `open`: how many tasks
 * of the queue are open by the projection; `delivered`: those whose requests stand before the latest one that the
 * consumer delivered.
 */
export function shortfallOf(
  consumer: Pick<WorkQueueInfo, "pending" | "ackPending"> | undefined,
  open: { all: number; delivered: number },
): string | undefined {
  if (open.all === 0) return undefined;
  if (consumer === undefined) return "it was missing";
  const { pending, ackPending } = consumer;
  if (ackPending < open.delivered)
    return `it had ${ackPending} of ${open.delivered} delivered tasks`;
  const known = pending + ackPending;
  return known < open.all ? `it had ${known} of ${open.all} tasks` : undefined;
}

/**
 * Pure: the next `most` of the named, in the order of their names and round about, beginning behind `after`; besides them
 * those in `always`. `last` is where the next turn begins.
 */
export function takeTurns<T extends { name: string }>(
  all: readonly T[],
  {
    after,
    most,
    always,
  }: {
    after: string;
    most: number;
    always: { has: (name: string) => boolean };
  },
): { chosen: T[]; last: string } {
  if (all.length <= most) return { chosen: [...all], last: "" };
  const sorted = all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const begin = sorted.findIndex(({ name }) => name > after);
  const from = begin < 0 ? 0 : begin;
  const inOrder = [...sorted.slice(from), ...sorted.slice(0, from)];
  const turn = inOrder.slice(0, most);
  const rest = inOrder.slice(most).filter(({ name }) => always.has(name));
  return { chosen: [...turn, ...rest], last: turn.at(-1)?.name ?? "" };
}
