/**
 * Records that wait and that the broker tells nobody of. A broker that crashed may have back what it had removed, while its
 * consumer knows that as done; or its consumer is ahead of a stream that lost its end.
 */
import { isWrongLastSequence } from "@jetscribe/event-log/append/append";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  listDeliveries,
  storeDelivery,
  type StoredDelivery,
} from "@jetscribe/event-log/webhooks/deliveries";
import type { Logger } from "@jetscribe/runtime";

const recordsAtOnce = 1_000;
const readWithinMs = 30_000;

/**
 * At the start and after each reconnect, and later where that can't be read, records that are overdue for so long are
 * stored again, as they are: then the broker tells of them. What was delivered meanwhile is so delivered twice, under the
 * same id.
 */
export function reviveOverdue({
  broker,
  nowS,
  overdueMs,
  inHand,
  log,
  page = recordsAtOnce,
}: {
  broker: Broker;
  nowS: () => number;
  /** Longer than the broker takes to deliver a record again. */
  overdueMs: number;
  /** The sequences of records that the broker has told of here: they stay as they are. */
  inHand: ReadonlySet<number>;
  log: Pick<Logger, "info" | "warn">;
  /** So many records are in memory at a time. */
  page?: number;
}): Disposable {
  const store = ({ delivery, seq }: StoredDelivery) =>
    storeDelivery(broker, delivery, seq).catch((error: unknown) => {
      if (!isWrongLastSequence(error)) throw error;
    });

  async function look(): Promise<void> {
    const before = nowS() - overdueMs / 1_000;
    const { webhooks } = broker.streams;
    // What is stored again stands behind it.
    const { lastSeq } = await streamState(broker, webhooks);
    const isOverdue = ({ delivery, seq }: StoredDelivery) =>
      seq <= lastSeq && delivery.next_at < before && !inHand.has(seq);
    let stored = 0;
    for (let after = 0; after < lastSeq;) {
      const wanted = { state: "pending" as const, after, limit: page };
      const signal = AbortSignal.timeout(readWithinMs);
      const found = await listDeliveries(broker, "*", wanted, signal);
      for (const one of found.filter(isOverdue)) {
        await store(one);
        stored++;
      }
      after = found.length < page ? lastSeq : (found.at(-1)?.seq ?? lastSeq);
    }
    if (stored > 0)
      log.info(
        { webhooks: stored },
        "webhooks that the broker had lost sight of are sent",
      );
  }

  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const lookLater = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      look().catch((error: unknown) => {
        // The reconnect asks again.
        if (isOver || !broker.connected) return;
        log.warn({ err: error }, "overdue webhooks can't be looked for");
        lookLater();
      });
    }, overdueMs);
  };
  lookLater();
  const stop = broker.onReconnect(lookLater);
  return {
    [Symbol.dispose]() {
      isOver = true;
      stop();
      clearTimeout(timer);
    },
  };
}
