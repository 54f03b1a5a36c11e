/** One delivery: an attempt, if there is room for it, and what is stored of it. All instances share the work. */
import {
  AppendError,
  isWrongLastSequence,
} from "@jetscribe/event-log/append/append";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  countRecords,
  removeRecord,
  storeDelivery,
} from "@jetscribe/event-log/webhooks/deliveries";
import {
  disable,
  enable,
  isDisabled,
} from "@jetscribe/event-log/webhooks/disabled";
import type { Handled } from "@jetscribe/event-log/work/handled";
import type { Logger } from "@jetscribe/runtime";
import { aboutTask, slugOf, type WebhookDelivery } from "@jetscribe/schema";
import { makeComplain } from "../complain.ts";
import { hostOf } from "../guard/guard.ts";
import type { WebhookMetrics } from "../metrics.ts";
import type { Failure, Send } from "../send/send.ts";
import { afterFailure, type RetryTimes } from "./decide.ts";
import type { Slots } from "./slots.ts";

/** What WEBHOOKS takes of one owner: records of deliveries, and of disabled addresses. */
export const mostOfOwner = 10_000;

const askAgainMs = 5_000;
/** How long it is believed how many records an owner has. */
const countedForMs = 2_000;
const mostCounted = 10_000;

export interface DeliverDeps {
  broker: Broker;
  send: Send;
  slots: Pick<Slots, "take">;
  nowS: () => number;
  times: RetryTimes;
  metrics: WebhookMetrics;
  log: Pick<Logger, "warn">;
}

export type Deliver = ReturnType<typeof makeDeliver>;

export function makeDeliver(deps: DeliverDeps) {
  const { broker, send, slots, nowS, times, metrics, log } = deps;
  const isOverLimit = makeOwnerLimit(broker, log);
  const looked = makeComplain(log, "webhooks can't be looked after now");

  const attempt = async (
    delivery: WebhookDelivery,
  ): Promise<Failure | undefined> =>
    delivery.asked !== true && (await isDisabled(broker, delivery))
      ? { error: "disabled" }
      : await send(delivery);

  /** `after`: the record of the delivery; 0: it has none. */
  async function delivered(
    delivery: WebhookDelivery,
    after: number,
  ): Promise<void> {
    if (delivery.asked) await enable(broker, delivery);
    if (after > 0) await removeRecord(broker, after);
  }

  async function failed(
    delivery: WebhookDelivery,
    failure: Failure,
    after: number,
  ): Promise<void> {
    // Each address takes a record of its own: an owner has many of them.
    const isGone = failure.error === "gone";
    if (isGone && !(await isOverLimit(slugOf(delivery.owner))))
      await disable(broker, delivery, nowS());
    const next = afterFailure(delivery, failure, {
      ...{ ...times, nowS: nowS(), random: Math.random() },
    });
    if (next.state === "dead") {
      metrics.givenUp();
      // Of a disabled address there may be one for each task.
      if (next.error !== "disabled")
        log.warn(factsOf(next), "a webhook was given up");
    }
    await store(next, after);
  }

  async function store(next: WebhookDelivery, after: number): Promise<void> {
    if (after === 0 && (await isOverLimit(slugOf(next.owner))))
      return metrics.dropped();
    await storeDelivery(broker, next, after).catch((error: unknown) => {
      // Another instance had it in hand too, or its owner has sent it again.
      if (!isWrongLastSequence(error)) throw error;
    });
    metrics.full(false);
  }

  async function inSlot(
    delivery: WebhookDelivery,
    after: number,
  ): Promise<Handled> {
    const failure = await attempt(delivery);
    metrics.attempted(failure?.error ?? "delivered");
    if (failure === undefined) await delivered(delivery, after);
    else await failed(delivery, failure, after);
    looked.works();
    return { kind: "done" };
  }

  /** A record keeps its place; a delivery without one gets a record, so that it is in no other's way. */
  async function putOff(
    delivery: WebhookDelivery,
    after: number,
    afterMs: number,
  ): Promise<Handled> {
    if (after > 0) return { kind: "retry", afterMs };
    const next_at = nowS() + afterMs / 1_000;
    await store({ ...delivery, error: "busy", next_at }, 0);
    return { kind: "done" };
  }

  /** `after`: the sequence of its record; 0: it has none. Never rejects. */
  return async (delivery: WebhookDelivery, after: number): Promise<Handled> => {
    try {
      const host = hostNamed(delivery);
      const slot = await slots.take(host, slugOf(delivery.owner));
      if (slot.kind === "busy")
        return await putOff(delivery, after, slot.afterMs);
      using _slot = slot;
      return await inSlot(delivery, after);
    } catch (error) {
      metrics.full(error instanceof AppendError && error.code === "full");
      if (broker.connected) looked.fails({ ...factsOf(delivery), err: error });
      return { kind: "retry", afterMs: askAgainMs };
    }
  };
}

/** "" of what is no URL, as of a foreign writer. */
const hostNamed = ({ url }: Pick<WebhookDelivery, "url">): string => {
  const parsed = URL.parse(url);
  return parsed === null ? "" : hostOf(parsed);
};

/** For the log: of an address only the host, since its path and its query may be a secret. */
const factsOf = (delivery: WebhookDelivery) => {
  const { attempts, error, http_status } = delivery;
  const host = hostNamed(delivery);
  return { ...aboutTask(delivery), host, attempts, error, http_status };
};

/** Whether an owner (a slug) has as many records as may be. */
function makeOwnerLimit(broker: Broker, log: Pick<Logger, "warn">) {
  const counted = new Map<string, { records: number; at: number }>();
  return async (owner: string): Promise<boolean> => {
    const now = performance.now();
    const known = counted.get(owner);
    if (known !== undefined && now - known.at < countedForMs)
      return known.records >= mostOfOwner;
    if (counted.size >= mostCounted) counted.clear();
    const records = await countRecords(broker, owner);
    counted.set(owner, { records, at: now });
    if (records >= mostOfOwner)
      log.warn(
        { owner, limit: mostOfOwner },
        "webhooks are dropped: too many of their owner wait or were given up",
      );
    return records >= mostOfOwner;
  };
}
