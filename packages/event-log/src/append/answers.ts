/**
 * Publishes that the broker answers, thousands of them under way at once: one inbox, and a sweep for those that are
 * late. A request of the client library costs four times as much, most of it in a timer and headers per publish.
 */
import { createInbox, type Msg, type MsgHdrs } from "@nats-io/nats-core";
import { subscribe, type Broker } from "../broker/connection.ts";
import { sweepEvery } from "../broker/sweepEvery.ts";
import { PassingMap } from "../fast/passingMap.ts";
import { makeSilence } from "./silence.ts";

export interface Outgoing {
  subject: string;
  body: Uint8Array;
  headers: MsgHdrs;
}

/** No answer came, and why: the message may have arrived or not. */
export interface Unanswered {
  unanswered: string;
}

export interface Answers extends Disposable {
  /** Sends a message and resolves with the broker's answer to it. Throws what the client itself refuses to send. */
  ask: (message: Outgoing, timeoutMs: number) => Promise<Msg | Unanswered>;
  /** How many messages have no answer yet. */
  readonly pending: number;
  /** The broker, though connected, leaves one message after the other without its answer. */
  readonly silent: boolean;
  /** How many answers came so far, also those that came too late. */
  readonly answered: number;
}

interface Pending {
  settle: (answer: Msg | Unanswered) => void;
  /** By `performance.now()`. */
  deadline: number;
}

const sweepEveryMs = 100;

export function makeAnswers(broker: Broker): Answers {
  const pending = new PassingMap<string, Pending>();
  const inbox = createInbox();
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
  const sweeping = sweepEvery(sweepEveryMs, () => {
    const now = performance.now();
    const overdue = ({ deadline }: Pending) => deadline < now;
    if (pending.values().some(overdue)) silence.missed(now);
    giveUp(overdue, "the broker did not answer in time");
  });
  const stopListening = broker.onDisconnect(() => {
    silence.over();
    giveUp(() => true, "the connection to the broker was lost");
  });

  return {
    ask({ subject, body, headers }, timeoutMs) {
      const { promise, resolve } = Promise.withResolvers<Msg | Unanswered>();
      const token = (last = (last + 1) % Number.MAX_SAFE_INTEGER).toString(36);
      // First, so that what the client itself refuses is nowhere left over; no answer can come before this turn ends.
      broker.nc.publish(subject, body, { headers, reply: `${inbox}.${token}` });
      const deadline = performance.now() + timeoutMs;
      pending.set(token, { settle: resolve, deadline });
      return promise;
    },
    get pending() {
      return pending.size;
    },
    get silent() {
      return silence.lasts(performance.now());
    },
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
