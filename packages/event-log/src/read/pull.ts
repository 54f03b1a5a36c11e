/**
 * Pull requests to consumers, one inbox for all of them. The client library's own consumer costs three times as much
 * per message, and hides when a pull came back empty, which is what the scheduling of work turns on.
 */
import { nanos, type Msg } from "@nats-io/nats-core";
import type { LogMessage } from "../codec/codec.ts";
import { subscribe, type Broker } from "../broker/connection.ts";
import { sweepEvery } from "../broker/sweepEvery.ts";
import { headerBytes, headersOf } from "../codec/headers.ts";

/** What the broker says of a delivery in the subject that acknowledges it. */
interface AckSubject extends Pick<LogMessage, "seq" | "time"> {
  consumer: string;
  /** How often the consumer delivered it, this time included. It proves nothing: rule 2 of the design. */
  deliveryCount: number;
  /** Counts the consumer's deliveries: a gap in it is a lost delivery. */
  consumerSeq: number;
  /** How many more messages wait in the consumer. */
  pending: number;
}

/** A message that a consumer delivered. */
export interface Delivery extends LogMessage, AckSubject {
  /** Bytes that the stream counts for it; 4 too many for one without headers. */
  storedBytes: number;
  /** Where acknowledgements go. */
  reply: string;
  /** The value of a header, which is named as it was written; "" where there is none. */
  header(name: string): string;
}

/**
 * Why a pull ended.
 * - full: it delivered all that it asked for
 * - empty: there was nothing more, or not in time
 * - too large: the next message is over what is left of its bytes
 * - gone: the consumer is not there (any more)
 * - lost: the connection or an answer is missing
 */
export type PullEnd = "full" | "empty" | "too large" | "gone" | "lost";

interface PullRequest {
  stream: string;
  consumer: string;
  batch: number;
  /** Waits so long for messages; absent: takes only what is there. */
  expiresMs?: number;
  /** Of a pull that takes only what is there: it ends after so long, if the broker does not answer by then. */
  upToMs?: number;
  /** At most so many bytes; a larger message than that ends the pull. */
  maxBytes?: number;
}

interface PullHandlers {
  onDelivery(delivery: Delivery): void;
  /** Called once, as the last. */
  onEnd(end: PullEnd, delivered: number): void;
}

export type Puller = ReturnType<typeof makePuller>;

interface Running {
  token: string;
  consumer: string;
  /** It waits for messages; another one is answered at once. */
  stands: boolean;
  left: number;
  delivered: number;
  handlers: PullHandlers;
  /** Of the next sign of life, by `performance.now()`. */
  deadline: number;
}

/** What an answer may take. */
const graceMs = 5_000;
/** While a pull waits, the server says so often that it does: or the death of a cluster's node would show only in the end. */
const heartbeatMs = 1_000;
const silentForMs = 4_000;

/**
 * A delivery comes on the pull's inbox but carries the event's own subject, so it is known by its consumer and counts
 * for that one's oldest pull. Where a consumer has one pull at a time, that is exact.
 */
export function makePuller(
  broker: Broker,
  /** Takes what comes for a pull that was given up meanwhile. */
  onStray?: (delivery: Delivery) => void,
) {
  const running = new Map<string, Running>();
  let inbox = broker.createInbox();
  let last = 0;
  let answered: PromiseWithResolvers<void> | undefined;

  const end = (pull: Running | undefined, why: PullEnd) => {
    if (pull === undefined || !running.delete(pull.token)) return;
    pull.handlers.onEnd(why, pull.delivered);
    if (answered !== undefined && areAnswered()) answered.resolve();
  };
  const areAnswered = () => running.values().every(({ stands }) => stands);
  const renewDeadline = (pull: Running | undefined) => {
    if (pull !== undefined) pull.deadline = performance.now() + silentForMs;
  };
  const endAll = (isOver: (pull: Running) => boolean) => {
    for (const pull of running.values()) if (isOver(pull)) end(pull, "lost");
  };
  const oldestOf = (consumer: string) => {
    for (const pull of running.values())
      if (pull.consumer === consumer) return pull;
    return undefined;
  };

  function receive(msg: Msg) {
    const delivery = toDelivery(msg);
    if (delivery === undefined) {
      const why = statusEnd(msg);
      const token = msg.subject.slice(inbox.length + 1);
      if (why !== undefined) end(running.get(token), why);
      else renewDeadline(running.get(token));
      return;
    }
    const pull = oldestOf(delivery.consumer);
    if (pull === undefined) return onStray?.(delivery);
    pull.delivered++;
    renewDeadline(pull);
    pull.handlers.onDelivery(delivery);
    if (--pull.left === 0) end(pull, "full");
  }

  let subscription = subscribe(broker, `${inbox}.*`, receive);
  const sweeping = sweepEvery(1_000, (now, lateMs) => {
    // Where the whole machine stood still, so did a broker on it: its silence proves nothing.
    for (const pull of running.values()) pull.deadline += lateMs;
    endAll(({ deadline }) => deadline < now);
  });
  const stopListening = broker.onDisconnect(() => endAll(() => true));

  return {
    pull(
      { stream, consumer, batch, expiresMs, upToMs, maxBytes }: PullRequest,
      handlers: PullHandlers,
    ): void {
      if (!broker.connected) return handlers.onEnd("lost", 0);
      const token = (++last).toString(36);
      const waits = expiresMs !== undefined;
      const deadline = performance.now() + (waits ? silentForMs : graceMs);
      const count = { left: batch, delivered: 0 };
      const known = { token, consumer, stands: waits };
      running.set(token, { ...known, ...count, handlers, deadline });
      const request = {
        batch,
        ...(waits
          ? { expires: nanos(expiresMs), idle_heartbeat: nanos(heartbeatMs) }
          : { no_wait: true }),
        ...(upToMs !== undefined && { expires: nanos(upToMs) }),
        ...(maxBytes !== undefined && { max_bytes: maxBytes }),
      };
      broker.nc.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
        JSON.stringify(request),
        { reply: `${inbox}.${token}` },
      );
    },
    /** Forgets all pulls, which end as lost, and the inbox that they were answered in. */
    renew() {
      subscription.unsubscribe();
      inbox = broker.createInbox();
      subscription = subscribe(broker, `${inbox}.*`, receive);
      endAll(() => true);
    },
    /**
     * Ends all pulls; what is on its way is still delivered. Pulls that take only what is there are answered first: of a
     * delivery that the broker sends in the very moment in which it forgets the inbox nobody hears, and it comes again
     * after an ack_wait only.
     */
    async drain() {
      answered = Promise.withResolvers();
      if (!areAnswered()) await answered.promise;
      if (broker.connected) await subscription.drain().catch(() => undefined);
      endAll(() => true);
    },
    [Symbol.dispose]() {
      sweeping[Symbol.dispose]();
      stopListening();
      subscription.unsubscribe();
      endAll(() => true);
    },
  };
}

/** What a status message says; undefined for one that ends nothing (a heartbeat). */
function statusEnd(msg: Msg): PullEnd | undefined {
  const code = msg.headers?.code;
  if (code === 404 || code === 408) return "empty";
  if (code === 503) return "gone";
  if (code !== 409) return undefined;
  // The codes are few, so 409 is told apart by its text: "Consumer Deleted", "Message Size Exceeds MaxBytes", …
  const text = msg.headers?.description ?? "";
  if (/exceeds maxbytes/i.test(text)) return "too large";
  return /deleted/i.test(text) ? "gone" : "empty";
}

/** Beside its parts a stored message has 34 bytes: lengths, sequence, time, checksum. */
export const recordBytes = 34;

/** The delivery in a message; undefined for a status. */
function toDelivery(msg: Msg): Delivery | undefined {
  const reply = msg.reply ?? "";
  const ack = parseAckSubject(reply);
  if (ack === undefined) return undefined;
  const { subject, data } = msg;
  return {
    subject,
    data,
    reply,
    consumer: ack.consumer,
    deliveryCount: ack.deliveryCount,
    seq: ack.seq,
    consumerSeq: ack.consumerSeq,
    time: ack.time,
    pending: ack.pending,
    storedBytes: subject.length + headerBytes(msg) + data.length + recordBytes,
    header: headersOf(msg),
  };
}

const wordsWithoutDomain = 9;

/**
 * Reads `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<count>.<seq>.<consumer seq>.<time>.<pending>[.<random>]`;
 * undefined for any other subject.
 */
export function parseAckSubject(subject: string): AckSubject | undefined {
  if (!subject.startsWith("$JS.ACK.")) return undefined;
  const words = subject.split(".");
  // Where the numbers begin. Taken apart in place: a reader of the log does this for every message.
  const at = words.length === wordsWithoutDomain ? 4 : 6;
  return {
    consumer: words[at - 1] ?? "",
    deliveryCount: Number(words[at]),
    seq: Number(words[at + 1]),
    consumerSeq: Number(words[at + 2]),
    time: Number(words[at + 3]) / 1e9,
    pending: Number(words[at + 4]),
  };
}
