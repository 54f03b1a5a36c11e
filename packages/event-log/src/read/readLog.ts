/**
 * Readers of a stream, in order and without a gap. Each is an ephemeral consumer without acknowledgements; where
 * anything is in doubt it is given up and a new one starts behind the last message that was taken. The auditor, who may
 * make no consumers, reads message by message.
 */
import {
  AckPolicy,
  DeliverPolicy,
  type ConsumerConfig,
} from "@nats-io/jetstream";
import { nanos, nuid } from "@nats-io/nats-core";
import { setTimeout as sleep } from "node:timers/promises";
import type { Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import { batchSize, makeInbound, type Gather } from "./inbound.ts";
import { isFrom210 } from "../broker/serverVersion.ts";
import { makePuller, type Delivery, type Puller } from "./pull.ts";
import type { Following, From, Reading } from "./reading.ts";
import { followMessages, scanMessages } from "./readMessages.ts";
import { streamState } from "../broker/streamState.ts";

export type { Following, From, Gather, Reading };

/** Of a reader that nobody deleted. */
const forgottenAfterMs = 30_000;

interface Reader {
  name: string;
  /** Where it is, in a cluster. */
  node: string | undefined;
  /** How many messages stood before it when it was made. */
  pending: number;
}

async function openReader(
  broker: Broker,
  { stream, from, filter, headersOnly = false }: Omit<Reading, "node">,
): Promise<Reader> {
  const config: Partial<ConsumerConfig> = {
    name: nuid.next(),
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(forgottenAfterMs),
    headers_only: headersOnly,
    ...filterOf(broker, filter),
    ...("seq" in from
      ? {
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq: Math.max(1, from.seq),
        }
      : {
          deliver_policy: DeliverPolicy.StartTime,
          opt_start_time: startTime(from.timeMs),
        }),
  };
  const { name, num_pending, cluster } = await broker.jsm.consumers.add(
    stream,
    config,
  );
  return { name, pending: num_pending, node: cluster?.leader };
}

/** The broker counts nanoseconds in 64 bits: to it, times before 1678 and after 2262 are other times. */
const latestMs = Date.UTC(2200);

/** The time as the broker takes it. */
export const startTime = (ms: number): string =>
  new Date(Math.min(latestMs, Math.max(0, ms))).toISOString();

function filterOf(
  { serverVersion }: Broker,
  filter: Reading["filter"],
): Partial<ConsumerConfig> {
  const [first, ...more] = [filter ?? []].flat();
  if (first === undefined) return {};
  if (more.length === 0) return { filter_subject: first };
  return isFrom210(serverVersion) ? { filter_subjects: [first, ...more] } : {};
}

const readsMessages = ({ role }: Broker): boolean => role === "auditor";

/** One that is on the node that has to be read: which one it comes to is left to chance. */
async function makeReader(
  broker: Broker,
  { node, ...reading }: Reading,
  signal?: AbortSignal,
): Promise<Reader> {
  const close = ({ name }: Reader) => closeReader(broker, reading.stream, name);
  for (;;) {
    signal?.throwIfAborted();
    const opening = openReader(broker, reading);
    const reader = await orAborted(opening, signal).catch((error: unknown) => {
      opening.then(close, () => undefined); // It comes too late.
      throw error;
    });
    if (node === undefined || reader.node === node) return reader;
    close(reader);
  }
}

/** Nobody waits for it: a reader that is left over is forgotten by the server. */
function closeReader(broker: Broker, stream: string, name: string): void {
  if (broker.connected)
    broker.jsm.consumers.delete(stream, name).catch(() => undefined);
}

/**
 * Reads what stands in the stream now and ends there, or as soon as `onMessage` says true. Rejects when the broker
 * is lost, or with the signal's reason.
 *
 * That there is nothing more is no proof: a server that is just stopping says so in the middle of a stream. What the
 * reader had before it when it was made has to have come.
 */
export async function scan(
  broker: Broker,
  reading: Reading,
  onMessage: (message: Delivery) => boolean,
  signal?: AbortSignal,
): Promise<void> {
  if (readsMessages(broker))
    return await scanMessages(broker, reading, onMessage, signal);
  const { name: consumer, pending } = await makeReader(broker, reading, signal);
  using puller = makePuller(broker);
  try {
    let found = false;
    let read = 0;
    for (let more = true; more && !found;) {
      const { promise, resolve, reject } = Promise.withResolvers<boolean>();
      puller.pull(
        { stream: reading.stream, consumer, batch: batchSize },
        {
          onDelivery: (message) => {
            read++;
            found ||= onMessage(message);
          },
          onEnd: (end) => {
            const whole = end === "empty" && (found || read >= pending);
            if (end === "full" || whole) resolve(end === "full");
            else
              reject(
                new Error(`the reading of ${reading.stream} was cut: ${end}`),
              );
          },
        },
      );
      more = await orAborted(promise, signal);
    }
  } finally {
    closeReader(broker, reading.stream, consumer);
  }
}

/** How many messages the reading has now, which is one question. */
export async function countMessages(
  broker: Broker,
  reading: Reading,
): Promise<number> {
  const { name, pending } = await makeReader(broker, reading);
  closeReader(broker, reading.stream, name);
  return pending;
}

/** The sequence of the first message stored at or after a time (ms since the epoch); of none, that of the next one. */
export async function firstSeqSince(
  broker: Broker,
  stream: string,
  timeMs: number,
): Promise<number> {
  const { lastSeq, leader } = await streamState(broker, stream);
  let first = lastSeq + 1;
  const reading = { stream, from: { timeMs }, headersOnly: true };
  await scan(broker, { ...reading, node: leader?.node }, ({ seq }) => {
    first = Math.min(first, seq);
    return true;
  });
  return first;
}

const restMs = 1_000;

/** Follows a stream until the signal aborts; then it resolves, after the batch in hand. */
export async function followStream(
  broker: Broker,
  following: Following,
  signal: AbortSignal,
): Promise<void> {
  using puller = makePuller(broker);
  while (!signal.aborted) {
    try {
      await broker.whenConnected(signal);
      const seq = await orAborted(following.resume(), signal);
      const reading = { ...following, from: { seq } };
      if (readsMessages(broker)) await followMessages(broker, reading, signal);
      else await follow(broker, puller, reading, signal);
    } catch (error) {
      if (signal.aborted) return;
      following.onInterruption?.(error);
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** One reader's life: resolves when the signal aborts, rejects when a new one has to be made. */
async function follow(
  broker: Broker,
  puller: Puller,
  {
    onBegin,
    onBatch,
    gather,
    ...reading
  }: Reading & Pick<Following, "onBegin" | "onBatch" | "gather">,
  signal: AbortSignal,
): Promise<void> {
  const { name: consumer, pending } = await makeReader(broker, reading, signal);
  const inbound = makeInbound(puller, reading.stream, consumer, gather);
  const abort = () => inbound.stop();
  signal.addEventListener("abort", abort, { once: true });
  try {
    onBegin?.(pending);
    for (let batch; (batch = await inbound.next()) && !signal.aborted;)
      await onBatch(batch);
  } finally {
    signal.removeEventListener("abort", abort);
    inbound.stop();
    closeReader(broker, reading.stream, consumer);
  }
}
