/** The durable consumers that the owners' tasks wait in: each is made before the first task that needs it. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  hearGroupsChanged,
  sendGroupChanged,
  sendWake,
} from "@jetscribe/event-log/signals/signals";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  ensureWorkQueue,
  roomForConsumers,
  setConcurrency,
  workQueueInfo,
} from "@jetscribe/event-log/streams/topology";
import { queueTrustedForMs, type Queue } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { ApiError, unavailable } from "../apiError.ts";

export type WorkQueues = ReturnType<typeof makeWorkQueues>;

/** Of the consumers that the broker makes so many are left to readers of the log, or a tenth where it makes few. */
const maxForReaders = 1_000;
/** Callers name groups as they like: what is left of these is for queues without one. */
const maxShareOfGroups = 0.5;
const retryAfterS = 60;

/** A queue that was seen, or is made. */
interface Made {
  making: Promise<void>;
  /** Of a group's tasks so many run at once; of others it says nothing. */
  concurrency: number;
  /** By `performance.now()`. */
  at: number;
  /** Another gateway took a task since that lets another number run. */
  isChanged?: true;
}

export function makeWorkQueues(
  broker: Broker,
  reader: Pick<TaskReader, "startOf">,
  { ackWaitMs }: { ackWaitMs: number },
) {
  /** By the consumers' names, oldest first. */
  const made = new Map<string, Made>();
  const forgetting = new DisposableStack();
  // A broker that comes back may be another one, with nothing on it.
  forgetting.defer(broker.onReconnect(() => made.clear()));
  forgetting.use(
    hearGroupsChanged(broker, (queue) => {
      const known = made.get(broker.workConsumerName(queue));
      // What is under way is still waited for.
      if (known !== undefined) known.isChanged = true;
    }),
  );

  /**
   * Behind everything that the projection shows as ended: a queue that was removed has seen that. Undefined, which is the
   * log's start, where the projection can't say.
   */
  async function startOf(queue: Queue): Promise<number | undefined> {
    try {
      const start = await reader.startOf(queue);
      if (start === undefined) return undefined;
      const log = await streamState(broker, broker.streams.events);
      if (start.created !== log.created) return undefined;
      // The log lost its tail: results will notice, and make the queues again.
      return start.asOf > log.lastSeq ? undefined : start.fromSeq;
    } catch {
      return undefined;
    }
  }

  async function ensureBase(queue: Queue): Promise<void> {
    if ((await workQueueInfo(broker, queue)) === undefined) await make(queue);
  }

  /** False: another one was first. */
  async function make(queue: Queue, concurrency?: number): Promise<boolean> {
    const { left, most } = await roomForConsumers(broker);
    const isFull =
      left <= Math.min(maxForReaders, most / 10) ||
      (queue.group !== undefined && most - left >= most * maxShareOfGroups);
    if (isFull)
      throw new ApiError(
        "unavailable",
        "the broker has as many active work queues as it takes: this one has no room",
        { limit: { name: "max_consumers", value: most }, retryAfterS },
      );
    const fromSeq = await startOf(queue);
    const options = { ackWaitMs, fromSeq, concurrency };
    return await ensureWorkQueue(broker, queue, options);
  }

  /** `before`: what is under way for the group. The newest task decides. */
  async function ensureGroup(
    queue: Queue,
    concurrency: number,
    before: Promise<void> | undefined,
  ): Promise<void> {
    await before?.catch(() => undefined);
    const found = await workQueueInfo(broker, queue);
    if (found === undefined && (await make(queue, concurrency))) return;
    const { maxAckPending } =
      found ?? (await workQueueInfo(broker, queue)) ?? {};
    if (maxAckPending === concurrency) return;
    await setConcurrency(broker, queue, concurrency);
    sendGroupChanged(broker, queue);
    // What waited for room may run now.
    sendWake(broker, queue);
  }

  const refusalOf = (error: unknown): unknown =>
    error instanceof ApiError
      ? error
      : unavailable("the work queue can't be reached", error);

  function forgetOld(now: number) {
    for (const [name, { at }] of made) {
      if (now - at < queueTrustedForMs) return;
      made.delete(name);
    }
  }

  return {
    /**
     * Resolves once the queue is there, and lets so many tasks of a group run at once. Rejects with an ApiError where the
     * broker can't make it.
     */
    ensure(queue: Queue, concurrency = 1): Promise<void> {
      const now = performance.now();
      const name = broker.workConsumerName(queue);
      const found = made.get(name);
      if (
        found !== undefined &&
        !found.isChanged &&
        found.concurrency === concurrency &&
        now - found.at < queueTrustedForMs
      )
        return found.making;
      forgetOld(now);
      const making = (
        queue.group === undefined
          ? ensureBase(queue)
          : ensureGroup(queue, concurrency, found?.making)
      ).catch((error: unknown) => {
        if (made.get(name)?.making === making) made.delete(name);
        throw refusalOf(error);
      });
      // Behind all that are older.
      made.delete(name);
      made.set(name, { making, concurrency, at: now });
      return making;
    },
    [Symbol.dispose]: () => forgetting.dispose(),
  };
}
