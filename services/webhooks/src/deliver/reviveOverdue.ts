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
} from "@jetscribe/event-log/webhooks/deliveries";
import type { Logger } from "@jetscribe/runtime";
import type { WebhookDelivery } from "@jetscribe/schema";

const page = 1_000;
const readWithinMs = 30_000;

/**
 * At the start and after each reconnect, records that are overdue for so long are stored again, as they are: then the
 * broker tells of them. What was delivered meanwhile is so delivered twice, under the same id.
 */
export function reviveOverdue({
  broker,
  nowS,
  overdueMs,
  log,
}: {
  broker: Broker;
  nowS: () => number;
  /** Longer than the broker takes to deliver a record again. */
  overdueMs: number;
  log: Pick<Logger, "info" | "warn">;
}): Disposable {
  /** Page by page: after a day without the service all that WEBHOOKS holds may be overdue. */
  async function look(): Promise<void> {
    const before = nowS() - overdueMs / 1_000;
    // What is stored again stands behind it.
    const { lastSeq } = await streamState(broker, broker.streams.webhooks);
    let webhooks = 0;
    for (let after = 0; after < lastSeq;) {
      const signal = AbortSignal.timeout(readWithinMs);
      const wanted = { state: "pending" as const, after, limit: page };
      const found = await listDeliveries(broker, "*", wanted, signal);
      for (const { delivery, seq } of found)
        if (seq <= lastSeq && delivery.next_at < before) {
          await revive(delivery, seq);
          webhooks++;
        }
      if (found.length < page) break;
      after = found.at(-1)?.seq ?? lastSeq;
    }
    if (webhooks > 0)
      log.info(
        { webhooks },
        "webhooks that the broker had lost sight of are sent",
      );
  }
  const revive = (delivery: WebhookDelivery, seq: number) =>
    storeDelivery(broker, delivery, seq).catch((error: unknown) => {
      if (!isWrongLastSequence(error)) throw error;
    });

  let timer: NodeJS.Timeout | undefined;
  const lookLater = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      look().catch((error: unknown) => {
        // The reconnect asks again.
        if (broker.connected)
          log.warn({ err: error }, "overdue webhooks can't be looked for");
      });
    }, overdueMs);
  };
  lookLater();
  const stop = broker.onReconnect(lookLater);
  return {
    [Symbol.dispose]() {
      stop();
      clearTimeout(timer);
    },
  };
}
