/**
 * Webhooks that wait or were given up, as records in WEBHOOKS: the newest one of a task is all that there is of it. A
 * webhook that was delivered has none. Decision 0054.
 */
import { slugOf, WebhookDelivery, type DeliveryState } from "@jetscribe/schema";
import { JetStreamApiError } from "@nats-io/jetstream";
import { isWrongLastSequence } from "../append/append.ts";
import { appendRecord } from "../append/appendRecord.ts";
import type { Broker } from "../broker/connection.ts";
import {
  lastMessageOf,
  messageAt,
  streamState,
} from "../broker/streamState.ts";
import type { LogMessage } from "../codec/codec.ts";
import { parseJson } from "../codec/parseJson.ts";
import { countMessages, scan } from "../read/readLog.ts";

export interface StoredDelivery {
  delivery: WebhookDelivery;
  /** Its sequence in WEBHOOKS. */
  seq: number;
}

/**
 * Stores a delivery in the place of the record at the sequence `after`; 0: there is none. Rejects with an AppendError:
 * `isWrongLastSequence` tells that the task has another record. After `unknown` it may be stored.
 */
export async function storeDelivery(
  broker: Broker,
  delivery: WebhookDelivery,
  after: number,
): Promise<number> {
  const { owner, task_id } = delivery;
  const subject = broker.subjects.webhookDelivery(slugOf(owner), task_id);
  const headers = `Nats-Expected-Last-Subject-Sequence: ${after}\r\n`;
  const { seq } = await appendRecord(broker, subject, {
    headers,
    data: delivery,
  });
  return seq;
}

/** Undefined: the message is no delivery that this version knows. */
export function decodeDelivery({
  data,
  seq,
}: Pick<LogMessage, "data" | "seq">): StoredDelivery | undefined {
  const body = parseJson(Buffer.from(data).toString());
  const { data: delivery } = WebhookDelivery.safeParse(body);
  return delivery && { delivery, seq };
}

/** The record of an owner's (a slug) task; undefined: it has none. Rejects where WEBHOOKS can't be read. */
export async function readDelivery(
  broker: Broker,
  owner: string,
  taskId: string,
): Promise<StoredDelivery | undefined> {
  const { webhooks } = broker.streams;
  const subject = broker.subjects.webhookDelivery(owner, taskId);
  const found = await lastMessageOf(broker, webhooks, subject);
  return found && decodeDelivery(found);
}

const mostTries = 5;

/**
 * Has a delivery of an owner's (a slug) task sent as if for the first time, and at once; undefined: there is none. Rejects
 * with an AppendError, or where WEBHOOKS can't be read. `nowS`: seconds since the epoch.
 */
export async function sendAgain(
  broker: Broker,
  owner: string,
  taskId: string,
  nowS: number,
): Promise<WebhookDelivery | undefined> {
  for (let tries = 1; ; tries++) {
    const found = await readDelivery(broker, owner, taskId);
    if (found === undefined) return undefined;
    const { error: _, http_status: _status, ...rest } = found.delivery;
    const again: WebhookDelivery = {
      ...rest,
      ...{ state: "pending", attempts: 0, asked: true },
      ...{ since: nowS, next_at: nowS },
    };
    try {
      await storeDelivery(broker, again, found.seq);
      return again;
    } catch (error) {
      // It changed meanwhile.
      if (!isWrongLastSequence(error) || tries === mostTries) throw error;
    }
  }
}

/** The broker's numbers for a message that is gone already. */
const missing: ReadonlySet<number> = new Set([10_037, 10_043]);
/** "Delete failed", of a message that is gone and of one that can't be removed. */
const notRemoved = 10_057;

/** Removes the record at a sequence, if it is still there. Rejects where the broker can't be asked, or does not remove it. */
export async function removeRecord(broker: Broker, seq: number): Promise<void> {
  const { jsm, streams } = broker;
  // Erasing would overwrite the bytes too: the address, which may be a secret, stands in the log anyway.
  const erase = false;
  await jsm.streams
    .deleteMessage(streams.webhooks, seq, erase)
    .catch(async (error: unknown) => {
      const code =
        error instanceof JetStreamApiError ? error.apiError().err_code : 0;
      const isGone =
        missing.has(code) ||
        (code === notRemoved &&
          (await messageAt(broker, streams.webhooks, seq)) === undefined);
      if (!isGone) throw error;
    });
}

export interface DeliveryPage {
  /** Only in this state; absent: in any. */
  state?: DeliveryState | undefined;
  /** Only behind this sequence. */
  after: number;
  limit: number;
}

/**
 * The deliveries of an owner (a slug; `*`: of all), those that changed last behind the others. Rejects where WEBHOOKS can't be read, or with
 * the signal's reason.
 */
export async function listDeliveries(
  broker: Broker,
  owner: string,
  { state, after, limit }: DeliveryPage,
  signal: AbortSignal,
): Promise<StoredDelivery[]> {
  const found: StoredDelivery[] = [];
  await scanRecords(
    broker,
    { from: after + 1, filter: broker.subjects.webhookDelivery(owner, "*") },
    (message) => {
      const one = decodeDelivery(message);
      if (one && (state === undefined || one.delivery.state === state))
        found.push(one);
      return found.length >= limit;
    },
    signal,
  );
  return found;
}

/**
 * How many of an owner's (a slug) records wait, and how many are only kept: dead ones and disabled addresses. Every one is
 * read. Rejects where WEBHOOKS can't be read, or with the signal's reason.
 */
export async function countByState(
  broker: Broker,
  owner: string,
  signal: AbortSignal,
): Promise<{ waiting: number; kept: number }> {
  let [waiting, kept] = [0, 0];
  await scanRecords(
    broker,
    { from: 1, filter: broker.subjects.webhooksOf(owner) },
    (message) => {
      if (decodeDelivery(message)?.delivery.state === "pending") waiting++;
      else kept++;
      return false;
    },
    signal,
  );
  return { waiting, kept };
}

/** `from`: the first sequence. */
async function scanRecords(
  broker: Broker,
  { from, filter }: { from: number; filter: string },
  onMessage: Parameters<typeof scan>[2],
  signal: AbortSignal,
): Promise<void> {
  const stream = broker.streams.webhooks;
  const { leader } = await streamState(broker, stream);
  const reading = { stream, from: { seq: from }, node: leader?.node, filter };
  await scan(broker, reading, onMessage, signal);
}

/** How many records WEBHOOKS has of an owner (a slug). */
export const countRecords = (broker: Broker, owner: string): Promise<number> =>
  countMessages(broker, {
    stream: broker.streams.webhooks,
    from: { seq: 1 },
    filter: broker.subjects.webhooksOf(owner),
  });
