/**
 * Work queues are made on demand, and removed here once nothing has been asked of them for long. A request that slips in
 * between is open without a consumer, which `queueKeeper.ts` finds and mends within seconds.
 */
import type { Broker } from "@jetscribe/event-log/connection";
import { streamState } from "@jetscribe/event-log/streamState";
import {
  removeWorkQueue,
  workQueueInfo,
  workQueueNames,
} from "@jetscribe/event-log/topology";
import type { Logger } from "@jetscribe/runtime";
import {
  queueIdleForMs,
  streams,
  workConsumerName,
  type Queue,
} from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { setTimeout as sleep } from "node:timers/promises";
import type { Projection } from "./projection.ts";

const lookEveryMs = 60_000;
/** So many consumers are asked in one look. */
const mostPerLook = 500;

export interface IdleDeps {
  broker: Broker;
  reader: Pick<TaskReader, "openQueues" | "countOpen">;
  projection: Pick<Projection, "role" | "reaches">;
  log: Pick<Logger, "info" | "debug">;
}

interface Idle {
  /** What the consumer had delivered when it was first seen without open tasks. */
  deliveredSeq: number;
  /** By `performance.now()`. */
  since: number;
}

/** Looks every minute, while this instance leads and is caught up, until the signal aborts. */
export async function removeIdleQueues(
  deps: IdleDeps,
  signal: AbortSignal,
  { everyMs = lookEveryMs, idleForMs = queueIdleForMs } = {},
): Promise<void> {
  const { projection, log } = deps;
  const look = makeRemoveIdle(deps, idleForMs);
  while (!signal.aborted) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    const { leading, caughtUp } = projection.role();
    if (!leading || !caughtUp || signal.aborted) continue;
    await look().catch((error: unknown) => {
      // The broker or Redis is away; whoever follows them says so.
      log.debug({ err: error }, "idle work queues can't be looked at");
    });
  }
}

/** Makes one look, which removes the queues that have been idle for `idleForMs`, and notes those that are. */
export function makeRemoveIdle(
  { broker, reader, projection, log }: IdleDeps,
  idleForMs: number,
): () => Promise<void> {
  /** By the consumers' names. */
  const idle = new Map<string, Idle>();

  async function isOpen(queue: Queue): Promise<boolean> {
    const { lastSeq } = await streamState(broker, streams.events);
    if (!(await projection.reaches(lastSeq))) return true;
    const [open = 0] = await reader.countOpen([{ queue, seq: lastSeq }]);
    return open > 0;
  }

  /** Asks the consumer; whether it was removed. */
  async function lookAt(queue: Queue, now: number): Promise<boolean> {
    const name = workConsumerName(queue);
    const known = idle.get(name);
    const info = await workQueueInfo(broker, queue);
    if (info === undefined) return false;
    const { deliveredSeq, ackPending } = info;
    if (known?.deliveredSeq !== deliveredSeq || ackPending > 0) {
      idle.set(name, { deliveredSeq, since: now });
      return false;
    }
    if (await isOpen(queue)) return false;
    await removeWorkQueue(broker, queue);
    idle.delete(name);
    return true;
  }

  return async () => {
    const queues = await workQueueNames(broker);
    const open = new Set((await reader.openQueues()).map(workConsumerName));
    const names = new Set(queues.map(workConsumerName));
    for (const name of idle.keys())
      if (open.has(name) || !names.has(name)) idle.delete(name);
    const now = performance.now();
    const isDue = (queue: Queue) => {
      const name = workConsumerName(queue);
      const { since } = idle.get(name) ?? {};
      return (
        !open.has(name) && (since === undefined || now - since >= idleForMs)
      );
    };
    let removed = 0;
    for (const queue of queues.filter(isDue).slice(0, mostPerLook))
      if (await lookAt(queue, now)) removed++;
    if (removed > 0) log.info({ removed }, "idle work queues removed");
  };
}
