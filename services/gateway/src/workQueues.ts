/** The durable consumers that the owners' tasks wait in: made before the first task needs them. */
import type { Broker } from "@jetscribe/event-log/connection";
import { ensureWorkQueue } from "@jetscribe/event-log/topology";
import type { Logger } from "@jetscribe/runtime";
import { slugOf, workConsumerName, type Queue } from "@jetscribe/schema";
import type { ApiKey } from "./apiKeys.ts";

export interface WorkQueues extends Disposable {
  /** Resolves once the queue is there. Rejects where the broker can't make it. */
  ensure: (queue: Queue) => Promise<void>;
  /** Makes the queues of a model (as people see it) for every key, in the background. */
  ensureModel: (model: string) => void;
}

export function makeWorkQueues(
  broker: Broker,
  keys: readonly ApiKey[],
  { ackWaitMs, log }: { ackWaitMs: number; log: Logger },
): WorkQueues {
  const made = new Map<string, Promise<void>>();
  // A broker that comes back may be another one, with nothing on it.
  const forget = broker.onReconnect(() => made.clear());

  function make(name: string, queue: Queue): Promise<void> {
    const making = ensureWorkQueue(broker, queue, { ackWaitMs });
    made.set(name, making);
    making.catch(() => {
      if (made.get(name) === making) made.delete(name);
    });
    return making;
  }

  function ensure(queue: Queue): Promise<void> {
    const name = workConsumerName(queue);
    return made.get(name) ?? make(name, queue);
  }

  return {
    ensure,
    ensureModel(model) {
      for (const { owner } of keys) {
        const queue = {
          model: slugOf(model),
          lane: "interactive",
          owner,
        } as const;
        ensure(queue).catch((error: unknown) => {
          // The first task of the owner asks for it again.
          log.warn({ ...queue, err: error }, "a work queue can't be made yet");
        });
      }
    },
    [Symbol.dispose]: forget,
  };
}
