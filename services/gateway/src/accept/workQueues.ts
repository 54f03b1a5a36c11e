/** The durable consumers that the owners' tasks wait in: each is made before the first task that needs it. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  ensureWorkQueue,
  roomForConsumers,
  workQueueInfo,
} from "@jetscribe/event-log/streams/topology";
import { queueTrustedForMs, type Queue } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { ApiError, unavailable } from "../apiError.ts";

export type WorkQueues = ReturnType<typeof makeWorkQueues>;

/** Of the consumers that the broker makes so many are left to readers of the log, or a tenth where it makes few. */
const maxForReaders = 1_000;
const retryAfterS = 60;

export function makeWorkQueues(
  broker: Broker,
  reader: Pick<TaskReader, "look" | "oldestOpen">,
  { ackWaitMs }: { ackWaitMs: number },
) {
  /** By the consumers' names, oldest first; `at` by `performance.now()`. */
  const made = new Map<string, { making: Promise<void>; at: number }>();
  // A broker that comes back may be another one, with nothing on it.
  const forget = broker.onReconnect(() => made.clear());

  /**
   * Behind everything that the projection shows as ended: a queue that was removed has seen that. Undefined, which is the
   * log's start, where the projection can't say.
   */
  async function startOf(queue: Queue): Promise<number | undefined> {
    try {
      const { checkpoint } = await reader.look([]);
      const { created, lastSeq } = await streamState(
        broker,
        broker.streams.events,
      );
      if (!checkpoint?.caughtUp || checkpoint.created !== created)
        return undefined;
      // The log lost its tail: results will notice, and make the queues again.
      if (checkpoint.seq > lastSeq) return undefined;
      return (await reader.oldestOpen(queue)) ?? checkpoint.seq + 1;
    } catch {
      return undefined;
    }
  }

  async function make(queue: Queue): Promise<void> {
    if ((await workQueueInfo(broker, queue)) !== undefined) return;
    const { left, most } = await roomForConsumers(broker);
    if (left <= Math.min(maxForReaders, most / 10))
      throw new ApiError(
        "unavailable",
        "the broker has as many active work queues as it takes: this key's has no room",
        { limit: { name: "max_consumers", value: most }, retryAfterS },
      );
    const fromSeq = await startOf(queue);
    await ensureWorkQueue(broker, queue, { ackWaitMs, fromSeq });
  }

  function forgetOld(now: number) {
    for (const [name, { at }] of made) {
      if (now - at < queueTrustedForMs) return;
      made.delete(name);
    }
  }

  return {
    /** Resolves once the queue is there. Rejects with an ApiError where the broker can't make it. */
    ensure(queue: Queue): Promise<void> {
      const now = performance.now();
      const name = broker.workConsumerName(queue);
      const found = made.get(name);
      if (found !== undefined && now - found.at < queueTrustedForMs)
        return found.making;
      forgetOld(now);
      const making = make(queue).catch((error: unknown) => {
        if (made.get(name)?.making === making) made.delete(name);
        throw error instanceof ApiError
          ? error
          : unavailable("the work queue can't be reached", error);
      });
      made.set(name, { making, at: now });
      return making;
    },
    [Symbol.dispose]: forget,
  };
}
