/**
 * Readers of a stream that ask for each message by itself, in order and without a gap: for a user that may make no
 * consumer. They cost the broker a question for each message, of which several are on their way at once.
 */
import type { StoredMsg } from "@nats-io/jetstream";
import { subscribe, type Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import { streamState, type StreamState } from "../broker/streamState.ts";
import { storedHeaderBytes } from "../codec/headers.ts";
import { storedTime } from "../codec/storedTime.ts";
import { recordBytes, type Delivery } from "./pull.ts";
import type { Following, From, Reading } from "./reading.ts";

type Wanted = Pick<Reading, "stream" | "from" | "filter">;

/** As `scan`, message by message. */
export async function scanMessages(
  broker: Broker,
  { stream, from, filter }: Wanted,
  onMessage: (message: Delivery) => boolean,
  signal?: AbortSignal,
): Promise<void> {
  using life = untilLost(broker, stream, signal);
  const state = await orAborted(streamState(broker, stream), life.signal);
  const first = await firstOf(broker, stream, from, state, life.signal);
  const range = { stream, subject: subjectOf(filter), first, state };
  for await (const batch of batchesOf(broker, range, life.signal))
    for (const message of batch) if (onMessage(message)) return;
}

/** Where the live feed says nothing, the stream is asked so often. */
const lookAgainMs = 2_000;

/** One reader's life: rejects when the signal aborts, and when a new one has to be made. */
export async function followMessages(
  broker: Broker,
  {
    stream,
    from,
    filter,
    onBegin,
    onBatch,
  }: Wanted & Pick<Following, "onBegin" | "onBatch">,
  signal: AbortSignal,
): Promise<void> {
  using life = untilLost(broker, stream, signal);
  const subject = subjectOf(filter);
  let heard = Promise.withResolvers<void>();
  using stack = new DisposableStack();
  const { allStored } = broker.subjects;
  const feed = subscribe(broker, allStored, () => heard.resolve());
  stack.defer(() => feed.unsubscribe());
  let created: string | undefined;
  let begin = (pending: number) => {
    onBegin?.(pending);
    begin = () => undefined;
  };
  for (let next: number | undefined; ;) {
    heard = Promise.withResolvers();
    const state = await orAborted(streamState(broker, stream), life.signal);
    refuseOther(stream, state, { created, lastSeq: (next ?? 1) - 1 });
    ({ created } = state);
    const first =
      next ?? (await firstOf(broker, stream, from, state, life.signal));
    const range = { stream, subject, first, state };
    for await (const batch of batchesOf(broker, range, life.signal)) {
      begin(state.lastSeq - first + 1);
      signal.throwIfAborted();
      await onBatch(batch);
    }
    begin(0);
    next = Math.max(first, state.lastSeq + 1);
    const timer = setTimeout(heard.resolve, lookAgainMs);
    await orAborted(heard.promise, life.signal).finally(() =>
      clearTimeout(timer),
    );
  }
}

/** Aborts with the signal, and where the connection is lost. */
function untilLost(broker: Broker, stream: string, signal?: AbortSignal) {
  const lost = new AbortController();
  const lose = () =>
    lost.abort(new Error(`the reading of ${stream} was interrupted: lost`));
  return {
    signal: AbortSignal.any([lost.signal, ...(signal ? [signal] : [])]),
    [Symbol.dispose]: broker.onDisconnect(lose),
  };
}

/** A question has one filter. Of several, the reader is told all that the stream has. */
function subjectOf(filter: Reading["filter"]): string {
  const [first = ">", ...more] = [filter ?? []].flat();
  return more.length === 0 ? first : ">";
}

/** The first message of a subject at a sequence or behind it, from the stream's leader; null where there is none. */
const nextMessage = (
  { jsm }: Broker,
  stream: string,
  subject: string,
  seq: number,
): Promise<StoredMsg | null> => {
  const query = { seq, next_by_subj: subject };
  return jsm.streams.getMessage(stream, query);
};

/** Where to begin. A time is searched by halves, for which the times have to go up. */
async function firstOf(
  broker: Broker,
  stream: string,
  from: From,
  { firstSeq, lastSeq }: StreamState,
  signal: AbortSignal,
): Promise<number> {
  if ("seq" in from) return Math.max(from.seq, firstSeq, 1);
  const sinceMs = Math.trunc(from.timeMs);
  let [low, high] = [Math.max(1, firstSeq), lastSeq + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const asked = nextMessage(broker, stream, ">", middle);
    const found = await orAborted(asked, signal);
    const isBefore =
      found !== null &&
      found.seq < high &&
      Date.parse(found.timestamp) < sinceMs;
    if (isBefore) low = found.seq + 1;
    else high = middle;
  }
  return low;
}

interface Range {
  stream: string;
  subject: string;
  first: number;
  /** As it was when the reading began: it ends with the last message of then. */
  state: StreamState;
}

/** What waits behind a message is an upper bound, and 0 exactly of the last one. So a batch waits for the next. */
async function* batchesOf(
  broker: Broker,
  range: Range,
  signal: AbortSignal,
): AsyncGenerator<Delivery[]> {
  let held: StoredMsg[] | undefined;
  for await (const batch of windowsOf(broker, range, signal)) {
    if (held) yield held.map((one) => toDelivery(one, range.state.lastSeq));
    held = batch;
  }
  const last = held?.at(-1)?.seq;
  if (held && last) yield held.map((one) => toDelivery(one, last));
}

const toDelivery = (found: StoredMsg, lastSeq: number): Delivery => {
  const { subject, seq, data, timestamp, header } = found;
  return {
    ...{ subject, seq, data, time: storedTime(timestamp) },
    ...{ consumer: "", deliveryCount: 1, consumerSeq: seq, reply: "" },
    pending: lastSeq - seq,
    storedBytes:
      subject.length + storedHeaderBytes(header) + data.length + recordBytes,
    header: (name) => header.get(name),
  };
};

/** So many sequences are asked for one after the other, … */
const windowSize = 8;
/** … unless their bodies have so many bytes, … */
const windowBytes = 256 * 1_024;
/** … and so many windows at once, where most sequences have a wanted message. */
const mostWindows = 32;

/** The messages of a range, in order. Rejects where the stream says that there are no more, and can't be believed. */
async function* windowsOf(
  broker: Broker,
  { stream, subject, first, state }: Range,
  signal: AbortSignal,
): AsyncGenerator<StoredMsg[]> {
  const last = state.lastSeq;
  const look = (from: number, to: number) => {
    const found = lookAt(broker, { stream, subject, from, to });
    found.catch(() => undefined); // It may be given up before its turn.
    return { to, found };
  };
  let ahead: ReturnType<typeof look>[] = [];
  let width = 1;
  for (let asked = first; ;) {
    for (; asked <= last && ahead.length < width; asked += windowSize)
      ahead.push(look(asked, Math.min(last, asked + windowSize - 1)));
    const window = ahead.shift();
    if (window === undefined) break;
    const { messages, next } = await orAborted(window.found, signal);
    if (messages.length > 0) yield messages;
    if (next <= window.to) ahead.unshift(look(next, window.to));
    else if (next > asked) {
      // Nothing that is wanted stands between: one question finds the next, and more would find the same.
      [ahead, asked, width] = [[], next, 1];
    } else width = Math.min(mostWindows, 2 * width);
  }
  await orAborted(confirmEnd(broker, stream, state), signal);
}

/** What a window has; `next`: it was looked up to there, Infinity where nothing more is found. */
async function lookAt(
  broker: Broker,
  {
    stream,
    subject,
    from,
    to,
  }: Pick<Range, "stream" | "subject"> & { from: number; to: number },
): Promise<{ messages: StoredMsg[]; next: number }> {
  const messages: StoredMsg[] = [];
  let next = from;
  for (let bytes = 0; next <= to && bytes < windowBytes;) {
    const found = await nextMessage(broker, stream, subject, next);
    if (found === null || found.seq > to)
      return { messages, next: found?.seq ?? Infinity };
    messages.push(found);
    bytes += found.data.length;
    next = found.seq + 1;
  }
  return { messages, next };
}

/**
 * That nothing more is found is no proof: a server that is just stopping says so of every message. And another stream may
 * stand under the name meanwhile.
 */
async function confirmEnd(
  broker: Broker,
  stream: string,
  before: StreamState,
): Promise<void> {
  const state = await streamState(broker, stream);
  refuseOther(stream, state, before);
  if (state.messages === 0) return;
  if ((await nextMessage(broker, stream, ">", state.firstSeq)) === null)
    throw new Error(`the reading of ${stream} was cut`);
}

function refuseOther(
  stream: string,
  now: StreamState,
  { created, lastSeq }: { created: string | undefined; lastSeq: number },
): void {
  if ((created ?? now.created) !== now.created || now.lastSeq < lastSeq)
    throw new Error(`${stream} is another stream now, or lost its tail`);
}
