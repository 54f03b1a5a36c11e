/** One delivery: an attempt, if there is room for it, and what is stored of it. All instances share the work. */
import {
  AppendError,
  isWrongLastSequence,
} from "@jetscribe/event-log/append/append";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
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
import { afterFailure, pauseWithoutRoom, type RetryTimes } from "./decide.ts";
import { makeFailing } from "./failing.ts";
import type { Room } from "./room.ts";
import type { Slots } from "./slots.ts";

const done: Handled = { kind: "done" };
/** The outcome waits in the log, as WEBHOOKS has no room for it. */
const noRoom = "no room";

export interface DeliverDeps {
  broker: Broker;
  send: Send;
  slots: Pick<Slots, "take">;
  room: Omit<Room, "isFull">;
  nowS: () => number;
  times: RetryTimes;
  metrics: WebhookMetrics;
  log: Pick<Logger, "warn">;
}

export type Deliver = ReturnType<typeof makeDeliver>;

export function makeDeliver(deps: DeliverDeps) {
  const { broker, send, slots, room, nowS, times, metrics, log } = deps;
  const failing = makeFailing();
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
  ): Promise<typeof noRoom | undefined> {
    const next = afterFailure(delivery, failure, {
      ...{ ...times, nowS: nowS(), random: Math.random() },
    });
    if (next.state === "pending") return await keepWaiting(next, after);
    const isKept = await room.forKept(slugOf(delivery.owner));
    if (failure.error === "gone" && isKept)
      await disable(broker, delivery, nowS());
    metrics.givenUp();
    // Of a disabled address there may be one for each task: it is counted, and no more.
    const isDisabledOne = next.error === "disabled";
    if (!isDisabledOne) log.warn(factsOf(next), "a webhook was given up");
    if (isDisabledOne && after === 0) return undefined;
    if (isKept) {
      await store(next, after);
      room.stored(slugOf(next.owner), "kept");
    } else {
      metrics.dropped();
      if (after > 0) await removeRecord(broker, after);
    }
    return undefined;
  }

  async function keepWaiting(
    next: WebhookDelivery,
    after: number,
  ): Promise<typeof noRoom | undefined> {
    const owner = slugOf(next.owner);
    // One that has a record keeps its place.
    if (after === 0 && !(await room.forWaiting(owner))) return noRoom;
    await store(next, after);
    if (after === 0) room.stored(owner, "waiting");
    return undefined;
  }

  const store = async (next: WebhookDelivery, after: number): Promise<void> =>
    void (await storeDelivery(broker, next, after).catch((error: unknown) => {
      // Another instance had it in hand too, or its owner has sent it again.
      if (!isWrongLastSequence(error)) throw error;
    }));

  async function inSlot(
    delivery: WebhookDelivery,
    after: number,
  ): Promise<typeof noRoom | undefined> {
    const [owner, host] = [slugOf(delivery.owner), hostNamed(delivery)];
    const failure = await attempt(delivery);
    metrics.attempted(failure?.error ?? "delivered");
    if (failure !== undefined) {
      failing.failed(owner, host);
      return await failed(delivery, failure, after);
    }
    failing.works(owner, host);
    await delivered(delivery, after);
    return undefined;
  }

  /** A record keeps its place; a delivery without one gets a record, so that it is in no other's way. */
  async function deal(
    delivery: WebhookDelivery,
    after: number,
  ): Promise<Handled | typeof noRoom | undefined> {
    const [owner, host] = [slugOf(delivery.owner), hostNamed(delivery)];
    const wouldBeLeft =
      after === 0 &&
      failing.has(owner, host) &&
      !(await room.forWaiting(owner));
    if (wouldBeLeft) return noRoom;
    const slot = await slots.take(host, owner);
    if (slot.kind === "slot") {
      using _slot = slot;
      return await inSlot(delivery, after);
    }
    const { afterMs } = slot;
    if (after > 0) return { kind: "retry", afterMs };
    const next_at = nowS() + afterMs / 1_000;
    return await keepWaiting({ ...delivery, error: "busy", next_at }, 0);
  }

  /** `after`: the sequence of its record; 0: it has none. `tries`: how often its message came. Never rejects. */
  return async (
    delivery: WebhookDelivery,
    { after, tries }: { after: number; tries: number },
  ): Promise<Handled> => {
    const later = (): Handled => ({
      kind: "retry",
      afterMs: pauseWithoutRoom(tries, Math.random()),
    });
    try {
      const handled = await deal(delivery, after);
      looked.works();
      return handled === noRoom ? later() : (handled ?? done);
    } catch (error) {
      if (error instanceof AppendError && error.code === "full") room.refused();
      if (broker.connected) looked.fails({ ...factsOf(delivery), err: error });
      return later();
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
