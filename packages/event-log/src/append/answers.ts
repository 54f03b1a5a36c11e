/**
 * Publishes that the broker answers, thousands of them under way at once: one inbox, and a sweep for those that are
 * late. A request of the client library costs four times as much, most of it in a timer and headers per publish.
 */
import {
  publishedAgainWithinMs,
  storesNothingAfterMs,
} from "@jetscribe/schema";
import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import { subscribe, type Broker } from "../broker/connection.ts";
import { heardWithin } from "../broker/heardWithin.ts";
import { sweepEvery } from "../broker/sweepEvery.ts";
import { PassingMap } from "../fast/passingMap.ts";

interface Outgoing {
  subject: string;
  body: Uint8Array;
  headers: MsgHdrs;
}

/** No answer came, and why: the message may have arrived or not. */
interface Unanswered {
  unanswered: string;
}

interface Pending {
  settle: (answer: Msg | Unanswered) => void;
  /** By `performance.now()`. */
  deadline: number;
}

const sweepEveryMs = 100;

export function makeAnswers(broker: Broker) {
  const pending = new PassingMap<string, Pending>();
  const inbox = broker.createInbox();
  let last = 0;
  const silence = makeSilence();
  let answered = 0;

  const subscription = subscribe(broker, `${inbox}.*`, (msg) => {
    const token = msg.subject.slice(inbox.length + 1);
    const one = pending.get(token);
    pending.delete(token);
    silence.over();
    answered++;
    one?.settle(msg);
  });
  const giveUp = (overdue: (one: Pending) => boolean, unanswered: string) => {
    for (const token of pending.keys()) {
      const one = pending.get(token);
      if (one === undefined || !overdue(one)) continue;
      pending.delete(token);
      one.settle({ unanswered });
    }
  };
  const sweeping = sweepEvery(sweepEveryMs, (now) => {
    const overdue = ({ deadline }: Pending) => deadline < now;
    if (pending.values().some(overdue)) silence.missed();
    giveUp(overdue, "the broker did not answer in time");
  });
  const stopListening = broker.onDisconnect(() => {
    silence.over();
    giveUp(() => true, "the connection to the broker was lost");
  });

  return {
    /** Sends a message and resolves with the broker's answer to it. Throws what the client itself refuses to send. */
    ask(
      { subject, body, headers }: Outgoing,
      timeoutMs: number,
    ): Promise<Msg | Unanswered> {
      const { promise, resolve } = Promise.withResolvers<Msg | Unanswered>();
      const token = (last = (last + 1) % Number.MAX_SAFE_INTEGER).toString(36);
      // First, so that what the client itself refuses is nowhere left over; no answer can come before this turn ends.
      broker.nc.publish(subject, body, { headers, reply: `${inbox}.${token}` });
      const deadline = performance.now() + timeoutMs;
      pending.set(token, { settle: resolve, deadline });
      return promise;
    },
    /** How many messages have no answer yet. */
    get pending() {
      return pending.size;
    },
    /** The broker, though connected, leaves one message after the other without its answer. */
    get silent() {
      return silence.lasts();
    },
    /** How many answers came so far, also those that came too late. */
    get answered() {
      return answered;
    },
    [Symbol.dispose]() {
      sweeping[Symbol.dispose]();
      stopListening();
      subscription.unsubscribe();
      giveUp(() => true, "its sender was closed");
    },
  };
}

/** Whether answers that were due fail to come one after the other, as after a full disk. `now`: a clock in ms. */
export function makeSilence(now = () => performance.now()) {
  const missing = heardWithin<{ since: number; latest: number }>(
    () => publishedAgainWithinMs,
    now,
  );
  return {
    /** An answer came, or the connection is gone and with it what was known. */
    over: () => missing.forget("answer"),
    /** An answer was due, and didn't come. */
    missed(): void {
      const latest = now();
      missing.note("answer", {
        since: missing.get("answer")?.since ?? latest,
        latest,
      });
    },
    lasts(): boolean {
      const { since = 0, latest = 0 } = missing.get("answer") ?? {};
      return latest - since >= storesNothingAfterMs;
    },
  };
}
