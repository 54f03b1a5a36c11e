/** A record of WEBHOOKS: a delivery that waits for its time, or was given up. */
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { decodeDelivery } from "@jetscribe/event-log/webhooks/deliveries";
import type { Handled } from "@jetscribe/event-log/work/handled";
import type { Logger } from "@jetscribe/runtime";
import type { Deliver } from "./deliver/deliver.ts";

const done: Handled = { kind: "done" };

export const makeOnDelivery =
  ({
    deliver,
    nowS,
    inHand,
    log,
  }: {
    deliver: Deliver;
    /** The sequences of the records whose deliveries are under way. */
    inHand: Set<number>;
    nowS: () => number;
    log: Pick<Logger, "warn">;
  }) =>
  (message: Delivery): Handled | Promise<Handled> => {
    const stored = decodeDelivery(message);
    if (stored === undefined) {
      log.warn({ seq: message.seq }, "a message of WEBHOOKS is no delivery");
      return done;
    }
    const { delivery, seq } = stored;
    if (delivery.state === "dead") return done;
    const afterMs = Math.ceil((delivery.next_at - nowS()) * 1_000);
    // The broker keeps it until then.
    if (afterMs > 0) return { kind: "retry", afterMs };
    inHand.add(seq);
    const tries = message.deliveryCount;
    return deliver(delivery, { after: seq, tries }).finally(() =>
      inHand.delete(seq),
    );
  };
