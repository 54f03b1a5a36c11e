/** Events of the log in its order, of a range and by a filter: for programs that read much of it, or follow it. */
import { isFrom210 } from "../broker/serverVersion.ts";
import { streamState, type StreamState } from "../broker/streamState.ts";
import type { Broker } from "../broker/connection.ts";
import {
  makeMatch,
  subjectsOf,
  type EventFilter,
  type EventPlace,
} from "./eventFilter.ts";
import type { Delivery } from "./pull.ts";
import { firstSeqSince, followStream, scan } from "./readLog.ts";

/** Sequences, both included. */
export interface LogRange extends Pick<StreamState, "created" | "leader"> {
  first: number;
  /** Infinity: what will be stored belongs to it too. */
  last: number;
  /** The log has dropped events that the range would have: its first is so much later. 0: it has dropped none. */
  dropped: number;
}

export interface RangeWanted {
  /** Stored at this time or later, in ms since the epoch; absent: from the log's first event on. */
  fromMs?: number | undefined;
  /** Stored before this time, in ms since the epoch; absent: up to what stands in the log now. */
  toMs?: number | undefined;
  /** Behind this sequence. */
  after?: number | undefined;
}

/** Rejects where the broker can't be asked, or has no such log. */
export async function rangeOf(
  broker: Broker,
  { fromMs, toMs, after = 0 }: RangeWanted,
): Promise<LogRange> {
  const { events } = broker.streams;
  const { created, leader, firstSeq, lastSeq } = await streamState(
    broker,
    events,
  );
  const since =
    fromMs === undefined ? 1 : await firstSeqSince(broker, events, fromMs);
  const last =
    toMs === undefined
      ? lastSeq
      : (await firstSeqSince(broker, events, toMs)) - 1;
  const wanted = Math.max(since, after + 1);
  const first = Math.max(wanted, firstSeq);
  // Only of a place in the log it can be said that something stood there.
  const dropped = after > 0 && after >= since ? first - wanted : 0;
  return { created, ...(leader && { leader }), first, last, dropped };
}

/** A message of the log that fits a filter, and what its subject says. */
export interface LogEvent extends EventPlace {
  message: Delivery;
}

export interface Replay {
  range: LogRange;
  filter?: EventFilter;
  /**
   * Takes the events that fit, one batch at a time, each event once; a batch may be empty. The next one waits for the
   * promise, and no more is read than a few thousand events meanwhile. `seq`: it has read up to there; `pending`: so many
   * messages wait behind it. A rejection ends the replay.
   */
  onBatch(
    events: LogEvent[],
    seq: number,
    pending: number,
  ): Promise<void> | void;
  /** The reading broke off, and goes on by itself where the broker is back. */
  onInterruption?(error: unknown): void;
  /**
   * The log has dropped so many events before they were read, and the replay goes on at `seq`. Of a replay by a filter it
   * is not known which of them would have fit.
   */
  onDropped?(events: number, seq: number): void;
  /**
   * Where a user is wanted, before the first batch: it reads which of the user's tasks were open then, and is at this
   * sequence. The last call has the first sequence of the range.
   */
  onLookBack?(seq: number): void;
}

/**
 * Resolves at the end of the range; of one without an end never. Rejects with the signal's reason, with that of `onBatch`,
 * and where the log was replaced or lost its tail meanwhile.
 */
export async function replayLog(
  broker: Broker,
  { range, filter = {}, ...replay }: Replay,
  signal: AbortSignal,
): Promise<void> {
  const { created, last } = range;
  let node = range.leader?.node;
  const stream = broker.streams.events;
  const reading = { stream, filter: subjectsOf(broker, filter) };
  const match = makeMatch(filter);
  const over = new AbortController();
  const end = (error?: unknown) => over.abort(error);
  let failure: { error: unknown } | undefined;
  let next = range.first;
  /** Messages waited behind the last batch: the log may drop some of them. */
  let isBehind = false;

  if (next > last) return;
  if (filter.user_id !== undefined) {
    await scan(
      broker,
      { ...reading, from: { seq: 1 }, headersOnly: true, node },
      (message) => {
        if (message.seq >= next) return true;
        match(message);
        replay.onLookBack?.(message.seq);
        return false;
      },
      signal,
    );
    replay.onLookBack?.(next);
  }

  async function take(messages: Delivery[]) {
    const events: LogEvent[] = [];
    for (const message of messages) {
      if (message.seq > last) break;
      const place = match(message);
      if (place) events.push({ message, type: place.type, queue: place.queue });
    }
    const { seq, pending } = messages.at(-1) ?? { seq: next, pending: 0 };
    await replay.onBatch(events, Math.min(seq, last), pending);
    next = seq + 1;
    isBehind = pending > 0;
    // Of what was filtered out nothing comes: that no more wait is all that tells of the end.
    if (seq >= last || (pending === 0 && last !== Infinity)) end();
  }

  await followStream(
    broker,
    {
      ...reading,
      get node() {
        return node;
      },
      resume: async () => {
        const now = await streamState(broker, stream);
        node = now.leader?.node;
        if (now.created !== created || now.lastSeq < next - 1)
          fail(new LogReplacedError());
        else next += tellDropped(next, now.firstSeq);
        return next;
      },
      onBegin: (pending) => {
        isBehind = pending > 0;
        if (pending === 0 && last !== Infinity) end();
      },
      onBatch: async (messages) => {
        const hasDropped = await lookForDropped(messages);
        await take(messages).catch(fail);
        // Before 2.10 a reader goes on counting among what waits what was dropped.
        if (
          hasDropped &&
          !isFrom210(broker.serverVersion) &&
          !over.signal.aborted
        )
          throw new CountedDroppedError();
      },
      onInterruption: (error) => {
        if (!(error instanceof CountedDroppedError))
          replay.onInterruption?.(error);
      },
    },
    AbortSignal.any([signal, over.signal]),
  );
  if (failure) throw failure.error;
  signal.throwIfAborted();

  /** What was filtered out is a gap too, so the log is asked where it begins. */
  async function lookForDropped(messages: Delivery[]): Promise<boolean> {
    const [one] = messages;
    const end = (messages.at(-1)?.seq ?? 0) + 1;
    const waited = isBehind || (one?.pending ?? 0) > 0;
    if (!waited || end - next === messages.length) return false;
    const { firstSeq } = await streamState(broker, stream);
    const before = messages.findLast(({ seq }) => seq < firstSeq);
    return tellDropped((before?.seq ?? next - 1) + 1, firstSeq) > 0;
  }

  /** From a sequence that was wanted up to the log's first; returns how many. */
  function tellDropped(from: number, firstSeq: number): number {
    const dropped = Math.max(0, Math.min(firstSeq, last + 1) - from);
    if (dropped > 0) replay.onDropped?.(dropped, firstSeq);
    return dropped;
  }

  function fail(error: unknown) {
    failure = { error };
    end();
  }
}

/** The log is another one now, or lost its tail: sequences mean other events. */
export class LogReplacedError extends Error {
  override readonly name = "LogReplacedError";
  constructor() {
    super("the log was replaced, or lost its last events, while it was read");
  }
}

/** A new reader counts anew what waits. */
class CountedDroppedError extends Error {}
