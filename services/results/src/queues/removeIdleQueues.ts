/**
 * Work queues are made on demand, and removed here once nothing has been asked of them for long. A request that slips in
 * between is open without a consumer, which `keepQueues.ts` finds and mends within seconds.
 *
 * A queue without open tasks may hold requests of tasks that have ended: cancelled before they were delivered, or to be
 * delivered again after a crash of the broker. Workers look at queues with open tasks only, so they are told of it here.
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { sample } from "@jetscribe/event-log/work/findWork";
import { sendWake } from "@jetscribe/event-log/signals/signals";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  removeWorkQueue,
  workQueueInfo,
  workQueueNames,
} from "@jetscribe/event-log/streams/topology";
import type { Logger } from "@jetscribe/runtime";
import { queueIdleForMs, type Queue } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import type { Projection } from "../projection/projection.ts";
import { whileLeading } from "../projection/whileLeading.ts";

const lookEveryMs = 10_000;
/** With so many queues they are named less often: that costs the server about 10 ms for each thousand. */
const many = { queues: 1_000, everyMs: 60_000 };
/** So many consumers are asked in one look. */
const maxPerLook = 500;

export interface IdleDeps {
  broker: Broker;
  reader: Pick<TaskReader, "openQueues" | "countOpen">;
  projection: Pick<Projection, "role" | "reaches">;
  log: Pick<Logger, "info" | "debug">;
}

interface Idle {
  /** How many deliveries the consumer had made when it was first seen without open tasks. A purge changes its sequences. */
  deliveries: number;
  /** It holds requests of tasks that have ended. */
  unsettled: boolean;
  /** By `performance.now()`. */
  since: number;
}

/** Looks every 10 s, with many queues every minute, while this instance leads and is caught up, until the signal aborts. */
export async function removeIdleQueues(
  deps: IdleDeps,
  signal: AbortSignal,
  { everyMs = lookEveryMs, idleForMs = queueIdleForMs } = {},
): Promise<void> {
  const removeIdle = makeRemoveIdle(deps, idleForMs);
  let queues = 0;
  await whileLeading(
    deps,
    {
      everyMs: () => (queues > many.queues ? many.everyMs : everyMs),
      look: async () => void (queues = await removeIdle()),
      failed: "idle work queues can't be looked at",
    },
    signal,
  );
}

/** Makes one look, which removes the queues that have been idle for `idleForMs`, and gives the number of all. */
export function makeRemoveIdle(
  { broker, reader, projection, log }: IdleDeps,
  idleForMs: number,
): () => Promise<number> {
  /** By the consumers' names. */
  const idle = new Map<string, Idle>();
  // A broker that was away may deliver again what was settled.
  broker.onReconnect(() => idle.clear());

  async function isOpen(queue: Queue): Promise<boolean> {
    const { lastSeq } = await streamState(broker, broker.streams.events);
    if (!(await projection.reaches(lastSeq))) return true;
    const [open = 0] = await reader.countOpen([{ queue, seq: lastSeq }]);
    return open > 0;
  }

  /** Asks the consumer; whether it was removed. */
  async function lookAt(queue: Queue, now: number): Promise<boolean> {
    const name = broker.workConsumerName(queue);
    const known = idle.get(name);
    const info = await workQueueInfo(broker, queue);
    if (info === undefined) return false;
    const { deliveries, pending, ackPending } = info;
    const unsettled = pending + ackPending > 0;
    if (unsettled) sendWake(broker, queue);
    if (known?.deliveries !== deliveries) {
      idle.set(name, { deliveries, unsettled, since: now });
      return false;
    }
    known.unsettled = unsettled;
    if (now - known.since < idleForMs || (await isOpen(queue))) return false;
    await removeWorkQueue(broker, queue);
    idle.delete(name);
    return true;
  }

  return async () => {
    const queues = await workQueueNames(broker);
    const open = new Set(
      (await reader.openQueues()).map(broker.workConsumerName),
    );
    const names = new Set(queues.map(broker.workConsumerName));
    for (const name of idle.keys())
      if (open.has(name) || !names.has(name)) idle.delete(name);
    const now = performance.now();
    const isDue = (queue: Queue) => {
      const name = broker.workConsumerName(queue);
      if (open.has(name)) return false;
      const known = idle.get(name);
      if (known === undefined || known.unsettled) return true;
      return now - known.since >= idleForMs;
    };
    let removed = 0;
    for (const queue of sample(queues.filter(isDue), maxPerLook))
      if (await lookAt(queue, now)) removed++;
    if (removed > 0) log.info({ removed }, "idle work queues removed");
    return queues.length;
  };
}
