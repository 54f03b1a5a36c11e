/**
 * Work queues are made on demand, and removed here once nothing has been asked of them for long: decision 0002.
 * Workers look at queues with open tasks only, so they are told here of one that holds requests of ended tasks.
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
import type { Job } from "../projection/whileLeading.ts";

const lookEveryMs = 10_000;
/** With so many queues they are named less often: that costs the server about 10 ms for each thousand. */
const many = { queues: 1_000, everyMs: 60_000 };
/** So many consumers are asked in one look. */
const maxPerLook = 500;

interface IdleDeps {
  broker: Broker;
  reader: Pick<TaskReader, "openQueues" | "countOpen">;
  projection: Pick<Projection, "reaches">;
  log: Pick<Logger, "info">;
}

interface Idle {
  /** How many deliveries the consumer had made when it was first seen without open tasks. A purge changes its sequences. */
  deliveries: number;
  /** It holds requests of tasks that have ended. */
  unsettled: boolean;
  /** By `performance.now()`. */
  since: number;
}

/** A look removes the queues that have been idle for `idleForMs`. */
export function removeIdleQueues(
  { broker, reader, projection, log }: IdleDeps,
  idleForMs: number = queueIdleForMs,
): Job {
  let count = 0;
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

  async function look(): Promise<void> {
    const queues = await workQueueNames(broker);
    count = queues.length;
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
  }

  return {
    get everyMs() {
      return count > many.queues ? many.everyMs : lookEveryMs;
    },
    look,
    failed: "idle work queues can't be looked at",
  };
}
