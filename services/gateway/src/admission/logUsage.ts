/** Pure: how much of the log is used, with the room that the outcomes of unfinished tasks need. Sizes are bytes. */
import {
  besideText,
  headroomOf,
  limitOf,
  outcomeReserve,
  usualBytesPerToken,
} from "@jetscribe/event-log/streams/logLimit";
import type { StreamState } from "@jetscribe/event-log/broker/streamState";
import { longParamsBytes, type GenerateRequested } from "@jetscribe/schema";
import type { OpenWork } from "@jetscribe/task-store";

/** What is unfinished among the events up to a sequence. */
export interface KnownWork {
  seq: number;
  open: OpenWork;
}

export interface LogUsage {
  limit: number;
  /** What the stream holds. */
  bytes: number;
  /** For the outcomes of all that is unfinished. */
  reserve: number;
}

/** What an event has beside its text. */
const frameBytes = 1_000;
const usualMaxTokens = 512;

/** The room for the outcome of a task of which nothing is known. */
export const usualReserve =
  besideText({}) + usualMaxTokens * usualBytesPerToken;

/**
 * What the projection has not read may be requests of any gateway: each of these messages counts as one, with the mean
 * reserve of the known tasks or of this gateway's own (`ownMean`), whichever is more; and as this gateway's own
 * requests among them (`ownUnread`) at least. Where nothing is known, nothing is read.
 */
export function usageOf(
  state: Pick<StreamState, "firstSeq" | "lastSeq" | "bytes" | "maxBytes">,
  known: KnownWork | undefined,
  { ownMean, ownUnread }: { ownMean: number; ownUnread: number },
): LogUsage {
  const readUpTo = known?.seq ?? state.firstSeq - 1;
  const ofKnown = known === undefined ? 0 : outcomeReserve(known.open);
  const tasks = known?.open.tasks ?? 0;
  const mean = Math.max(ownMean, tasks > 0 ? ofKnown / tasks : 0);
  const unread = Math.max(0, state.lastSeq - readUpTo) * mean;
  const reserve = ofKnown + Math.max(unread, ownUnread);
  return { limit: limitOf(state.maxBytes), bytes: state.bytes, reserve };
}

/** What a request takes in the log: its event, and the room for its outcome. */
export function costOf(
  { prompt = "", messages = [], params, metadata }: GenerateRequested,
  bytesPerToken = usualBytesPerToken,
): { bytes: number; reserve: number } {
  const long = longParamsBytes(params);
  let bytes = frameBytes + Buffer.byteLength(prompt) + long;
  for (const { content } of messages) bytes += Buffer.byteLength(content);
  if (metadata) bytes += JSON.stringify(metadata).length;
  const reserve = outcomeReserve({
    tokens: params.max_tokens,
    bytes: besideText({ params_bytes: long }),
    bytesPerToken,
  });
  return { bytes, reserve };
}

/** Of so many gateways all together what they accept between two looks fits into the headroom. */
const gateways = 32;

/** How much a gateway may accept before it looks again. */
export function allowanceOf({ limit, bytes, reserve }: LogUsage): number {
  const room = Math.max(0, limit - bytes - reserve);
  return (room + headroomOf(limit)) / gateways;
}
