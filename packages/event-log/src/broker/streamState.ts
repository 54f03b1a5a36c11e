/** What the broker says about a stream, and single messages of it. */
import { messageId, type RecordedEvent } from "@jetscribe/schema";
import {
  DiscardPolicy,
  JetStreamApiError,
  type StoredMsg,
} from "@nats-io/jetstream";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeEvent, type LogMessage } from "../codec/codec.ts";
import { storedTime } from "../codec/storedTime.ts";
import type { Broker } from "./connection.ts";
import { orAborted } from "./orAborted.ts";
import { elapsedMs } from "./elapsed.ts";
import { leaderOf, type Leader } from "./leader.ts";

export interface StreamState {
  /** When the stream was created, as the broker writes it: another one means another stream. */
  created: string;
  firstSeq: number;
  lastSeq: number;
  /** When the first message was stored, in ms since the epoch; of an empty stream it says nothing. */
  firstTimeMs: number;
  /** When the last one was. */
  lastTimeMs: number;
  messages: number;
  bytes: number;
  /** The size in bytes at which the stream drops its oldest messages, or refuses new ones. */
  maxBytes: number;
  /** What it does there: it refuses new messages. */
  refuses: boolean;
  /** Of a stream that has copies: the node that said so. */
  leader?: Leader;
}

/** Rejects where a cluster has no leader, or where the one that answers may be none any more. */
export async function streamState(
  { jsm }: Broker,
  stream: string,
): Promise<StreamState> {
  const { created, state, cluster, config } = await jsm.streams.info(stream);
  const leader = cluster && leaderOf(cluster);
  const { first_seq, first_ts, last_seq, last_ts, messages, bytes } = state;
  return {
    created: String(created),
    firstSeq: first_seq,
    lastSeq: last_seq,
    firstTimeMs: Date.parse(String(first_ts)),
    lastTimeMs: Date.parse(String(last_ts)),
    messages,
    bytes,
    maxBytes: config.max_bytes,
    refuses: config.discard === DiscardPolicy.New,
    ...(leader && { leader }),
  };
}

const askAgainMs = 100;

/**
 * Resolves once it is certain that the reading was the log's end when it was made, and that what its leader said since
 * then, up to this call, was so too: it leads still, and has heard a majority since. Followers are heard every 2 s at
 * the latest. Rejects where others lead, or with the signal's reason.
 */
export async function confirm(
  broker: Broker,
  stream: string,
  { leader }: Pick<StreamState, "leader">,
  signal: AbortSignal,
): Promise<void> {
  if (leader === undefined) return;
  const calledAt = elapsedMs();
  for (;;) {
    const askedAt = elapsedMs();
    const now = await orAborted(streamState(broker, stream), signal);
    if (now.leader?.node !== leader.node || now.leader.since !== leader.since)
      throw new Error(`${stream} has another leader`);
    if (askedAt - now.leader.silentMs > calledAt) return;
    await sleep(askAgainMs, undefined, { signal });
  }
}

/**
 * Drops all messages of EVENTS before a sequence. By sequence only: a purge with a filter has to look at each message.
 */
export async function purgeEventsBefore(
  { jsm, streams }: Broker,
  seq: number,
): Promise<void> {
  await jsm.streams.purge(streams.events, { seq });
}

/** Undefined for "not found"; other errors stay errors. */
export async function orMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.apiError().code === 404)
      return undefined;
    throw error;
  }
}

/** Whether the user's account has no JetStream: it is no account of the services, or the server has none at all. */
export const hasNoJetStream = (error: unknown): boolean =>
  error instanceof Error && error.name === "JetStreamNotEnabled";

/** A message that was asked for by itself. */
type SingleMessage = LogMessage & { header(name: string): string };

/** The message at a sequence, from the stream's leader; undefined where there is none (any more). */
export const messageAt = (
  broker: Broker,
  stream: string,
  seq: number,
): Promise<SingleMessage | undefined> => getMessage(broker, stream, { seq });

/** The last message of a subject, from the stream's leader; undefined where there is none (any more). */
export const lastMessageOf = (
  broker: Broker,
  stream: string,
  subject: string,
): Promise<SingleMessage | undefined> =>
  getMessage(broker, stream, { last_by_subj: subject });

/**
 * As `lastMessageOf`, by a direct get: nats-server answers it on the connection itself, without its queue of API calls. In
 * a cluster any copy answers, which may be behind. The stream has to allow it (`allow_direct`).
 */
export async function lastMessageOfAnyCopy(
  { jsm }: Broker,
  stream: string,
  subject: string,
): Promise<SingleMessage | undefined> {
  const query = { last_by_subj: subject };
  const found = await jsm.direct.getMessage(stream, query);
  return found ? singleMessageOf(found) : undefined;
}

async function getMessage(
  { jsm }: Broker,
  stream: string,
  query: { seq: number } | { last_by_subj: string },
): Promise<SingleMessage | undefined> {
  const found = await orMissing(jsm.streams.getMessage(stream, query));
  return found ? singleMessageOf(found) : undefined;
}

function singleMessageOf(found: StoredMsg): SingleMessage {
  const { subject, seq, data, timestamp } = found;
  const time = storedTime(timestamp);
  return { subject, seq, time, data, header: (name) => found.header.get(name) };
}

/** The event at a sequence of EVENTS; undefined where there is none (any more). */
export async function eventAt(
  broker: Broker,
  seq: number,
): Promise<RecordedEvent | undefined> {
  const message = await messageAt(broker, broker.streams.events, seq);
  const decoded = message && decodeEvent(message);
  return decoded && "event" in decoded ? decoded.event : undefined;
}

/** The ce-id of the event at a sequence of EVENTS; undefined where there is no message (any more). */
export async function eventIdAt(
  broker: Broker,
  seq: number,
): Promise<string | undefined> {
  const message = await messageAt(broker, broker.streams.events, seq);
  return message && idOf(message);
}

/** The ce-id of a message. Of an event it follows from the body; decoding headers costs more. */
export function idOf(message: SingleMessage): string {
  const decoded = decodeEvent(message);
  return "event" in decoded
    ? messageId(decoded.event)
    : message.header("Nats-Msg-Id");
}

/**
 * Compares a reader's checkpoint with the log: the stream's creation, the last sequence that was read, its event's id.
 * - intact: go on behind it
 * - gap: the log begins later than right behind it; what is between is gone
 * - lost_tail: the log has another past than the one that was folded in
 *
 * `idAt` gives the ce-id at a sequence; undefined where there is no message, which proves nothing: it aged out or was erased.
 */
export async function compareCheckpoint(
  { created, seq, id }: { created: string; seq: number; id: string },
  log: Pick<StreamState, "created" | "firstSeq" | "lastSeq">,
  idAt: (seq: number) => Promise<string | undefined>,
) {
  if (created !== log.created || seq > log.lastSeq) return "lost_tail";
  if (seq < log.firstSeq - 1) return "gap";
  if (seq < log.firstSeq || id === "") return "intact";
  const found = await idAt(seq);
  return found === undefined || found === id ? "intact" : "lost_tail";
}
