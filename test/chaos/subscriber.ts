/**
 * The program of one subscriber, which has nothing but its credentials. It reads its durable consumer event by event: it
 * keeps an event, acknowledges it, and asks for the next one. It listens to the live feed too.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "./fleet.ts";
import { headerOf } from "./wire/headerOf.ts";
import { connectNats, type Message, type Nats } from "./wire/nats.ts";

/** An event as the subscriber was given it. */
export interface Given {
  /** Where it stands in the log. */
  seq: number;
  subject: string;
  taskId: string;
  messageId: string;
}

export interface SubscriberSeen {
  /** Whose events it may see. */
  owner: string;
  /** From its durable consumer, in the order in which they came, repeated ones too; undefined: it has none. */
  delivered: readonly Given[] | undefined;
  /** On the live feed. */
  heard: readonly Given[];
}

export interface Subscriber extends SubscriberSeen, AsyncDisposable {}

export interface SubscriberLogin {
  owner: string;
  /** Of its nkey. */
  seed: string;
  /** Its consumer on EVENTS; undefined: it has none. */
  durable: string | undefined;
}

/** Stands for `$JS.API` in an account of a subscriber, which has no JetStream of its own. */
const api = "JETSCRIBE.API";
/** How long a pull waits for an event on the broker, and how long the program waits for the broker's word. */
const expiresMs = 1_000;
const answerMs = 4_000;
const pauseMs = 200;

/** Through the proxy of the services: what breaks their connections breaks these. */
export function startSubscriber(
  { proxies }: Pick<Fleet, "proxies">,
  { owner, seed, durable }: SubscriberLogin,
): Subscriber {
  const delivered: Given[] = [];
  const heard: Given[] = [];
  const stop = new AbortController();
  const { signal } = stop;
  const connect = () => connectNats(proxies.nats.port, { seed });

  async function read(): Promise<void> {
    using broker = await connect();
    const exchange = makeExchange(broker);
    const info = await broker.request(`${api}.CONSUMER.INFO.EVENTS.${durable}`);
    const { ack_wait } = info["config"] as { ack_wait: number };
    // What was on its way to an earlier connection comes again then, before all that is later.
    await sleep(ack_wait / 1e6, undefined, { signal });
    const next = `${api}.CONSUMER.MSG.NEXT.EVENTS.${durable}`;
    const pull = JSON.stringify({ batch: 1, expires: expiresMs * 1e6 });
    while (!signal.aborted) {
      const message = await exchange(next, pull);
      const status = /^NATS\/1\.0 (\d+)/.exec(message.headers)?.[1];
      // Nothing came in time.
      if (status === "404" || status === "408") continue;
      if (status !== undefined) throw new Error(`a pull got ${status}`);
      delivered.push(deliveredOf(message));
      await exchange(message.reply, "+ACK");
    }
  }

  async function listen(): Promise<void> {
    using broker = await connect();
    broker.subscribe("llm.stored.>", (message) => heard.push(heardOf(message)));
    while (!broker.closed && !signal.aborted) await sleep(pauseMs);
  }

  /** Again and again: the broker is away, or the connection broke. */
  async function keep(once: () => Promise<void>): Promise<void> {
    while (!signal.aborted)
      await once().catch(() => sleep(signal.aborted ? 0 : pauseMs));
  }

  const running = Promise.all([
    ...(durable === undefined ? [] : [keep(read)]),
    keep(listen),
  ]);
  return {
    owner,
    delivered: durable === undefined ? undefined : delivered,
    heard,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

type Exchange = (subject: string, text: string) => Promise<Message>;

/** One question after the other, each with one answer, which may be without a body. */
function makeExchange(broker: Nats): Exchange {
  const inbox = `_INBOX.${randomUUID()}`;
  let answer = Promise.withResolvers<Message>();
  broker.subscribe(inbox, (message) => answer.resolve(message));
  return async (subject, text) => {
    answer = Promise.withResolvers();
    const late = setTimeout(
      () => answer.reject(new Error(`${subject}: no answer`)),
      answerMs,
    );
    broker.publish(subject, text, { reply: inbox });
    try {
      return await answer.promise;
    } finally {
      clearTimeout(late);
    }
  };
}

const common = ({ subject, headers }: Message) => ({
  subject,
  taskId: headerOf(headers, "ce-subject"),
  messageId: headerOf(headers, "Nats-Msg-Id"),
});

/** `$JS.ACK.EVENTS.<durable>.<deliveries>.<sequence>.…`; the longer form has a domain and an account before the stream. */
function deliveredOf(message: Message): Given {
  const tokens = message.reply.split(".");
  const seq = Number(tokens[tokens.length > 9 ? 7 : 5]);
  return { seq, ...common(message) };
}

const heardOf = (message: Message): Given => ({
  seq: Number(headerOf(message.headers, "Nats-Sequence")),
  ...common(message),
});
