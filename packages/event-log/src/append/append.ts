/** The way into the log. An append is one publish, whose answer (PubAck) says where the event stands. */
import {
  publishTimeoutMs,
  repeatForMs,
  type Queue,
  type TaskEvent,
} from "@jetscribe/schema";
import type { Msg } from "@nats-io/nats-core";
import { setTimeout as sleep } from "node:timers/promises";
import { makeAnswers } from "./answers.ts";
import { encodeEvent, type Encoded, type TaskOfEvent } from "../codec/codec.ts";
import type { Broker } from "../broker/connection.ts";

/** Where an event stands in the log. */
export interface Appended {
  seq: number;
  /** The log had an event with this message id already: `seq` is that one's. */
  duplicate: boolean;
}

/**
 * - unknown: no answer came; it may stand in the log or not
 * - unavailable: it was not sent, or nobody takes it; it is not in the log
 * - full: the stream, or the disk, has no room; it is not in the log, and can be tried again
 * - refused: the broker said no; it is not in the log
 * - too_large: over the broker's payload limit; it was not sent
 */
export type AppendErrorCode =
  "unknown" | "unavailable" | "full" | "refused" | "too_large";

export class AppendError extends Error {
  override readonly name = "AppendError";
  readonly code: AppendErrorCode;
  /** The broker's own number, where it refused. */
  readonly errCode: number | undefined;
  constructor(code: AppendErrorCode, message: string, errCode?: number) {
    super(message);
    this.code = code;
    this.errCode = errCode;
  }
}

/** Where an event comes from. */
interface EventOrigin {
  /** W3C Trace Context of the span that it comes from. */
  traceparent?: string | undefined;
  /** The task that it is an event of; a request is its own. */
  task?: TaskOfEvent | undefined;
}

interface AppendOptions extends EventOrigin {
  /** After so many ms without an answer the outcome is `unknown`. */
  timeoutMs?: number;
}

export type Appender = ReturnType<typeof makeAppender>;

/** More than the broker could have answered in time: the caller must slow down. */
const maxPending = 20_000;

/** Makes the append path of a service. `source` is the service's name; `nowMs` gives the events' times. */
export function makeAppender(
  broker: Broker,
  source: string,
  nowMs: () => number = Date.now,
) {
  const answers = makeAnswers(broker);

  const encode = (event: TaskEvent, queue: Queue, origin: EventOrigin = {}) =>
    encodeEvent(event, queue, {
      names: broker,
      source,
      now: new Date(nowMs()),
      ...origin,
    });

  return {
    /** Appends one event. Rejects with an AppendError. */
    async append(
      event: TaskEvent,
      queue: Queue,
      { timeoutMs = publishTimeoutMs, ...origin }: AppendOptions = {},
    ): Promise<Appended> {
      const message = encode(event, queue, origin);
      refuseUnsent(broker, message, answers.pending);
      const answer = await answers.ask(message, timeoutMs);
      if ("unanswered" in answer)
        throw new AppendError("unknown", answer.unanswered);
      return readPubAck(answer);
    },
    /** The size that the event's message would have, in bytes, against `broker.maxPayload`. */
    sizeOf: (event: TaskEvent, queue: Queue): number =>
      encode(event, queue).size,
    /** The broker, though connected, has lately answered no append. */
    get silent() {
      return answers.silent;
    },
    /** How many appends the broker answered so far, also those that were given up. */
    get answered() {
      return answers.answered;
    },
    [Symbol.dispose]: () => answers[Symbol.dispose](),
  };
}

/** The error of an event of so many bytes; undefined: the broker takes it. */
export const whyTooLarge = (
  { maxPayload }: Pick<Broker, "maxPayload">,
  size: number,
): AppendError | undefined =>
  size > maxPayload
    ? new AppendError(
        "too_large",
        `the event has ${size} bytes; the broker takes ${maxPayload}`,
      )
    : undefined;

function refuseUnsent(
  broker: Broker,
  { size }: Encoded,
  pending: number,
): void {
  const tooLarge = whyTooLarge(broker, size);
  if (tooLarge !== undefined) throw tooLarge;
  if (!broker.connected)
    throw new AppendError("unavailable", "not connected to the broker");
  if (pending >= maxPending)
    throw new AppendError("unavailable", "too many appends are under way");
}

/** Of a cluster: the message id is under way already, and may yet be stored or not. */
const duplicateInProcess = 10_158;

/** The broker's numbers for "no space": the disk, the limit of its account, that of the stream. */
const noRoom: ReadonlySet<number> = new Set([10_023, 10_047, 10_077, 10_122]);

function codeOf(errCode = 0): AppendErrorCode {
  if (errCode === duplicateInProcess) return "unknown";
  return noRoom.has(errCode) ? "full" : "refused";
}

/** "Wrong last sequence"; and, of a cluster, that another write on the subject is under way. */
const wrongLastSequence: ReadonlySet<number | undefined> = new Set([
  10_071, 10_164,
]);

/** Whether a message was refused because its subject had another last sequence than it expected. */
export const isWrongLastSequence = (error: unknown): boolean =>
  error instanceof AppendError && wrongLastSequence.has(error.errCode);

/** What a PubAck says. Throws an AppendError where it is none. */
export function readPubAck(msg: Msg): Appended {
  // The broker's own "no responders": there is no stream, or JetStream is not ready.
  if (msg.data.length === 0)
    throw new AppendError("unavailable", "no stream takes the message");
  const ack = msg.json<{
    seq?: number;
    duplicate?: boolean;
    error?: { code: number; err_code?: number; description?: string };
  }>();
  if (ack.error !== undefined)
    throw new AppendError(
      codeOf(ack.error.err_code),
      ack.error.description ?? `error ${ack.error.code}`,
      ack.error.err_code,
    );
  return { seq: ack.seq ?? 0, duplicate: ack.duplicate === true };
}

const repeatAfterMs = 250;
/** Of a full log: it has room once what is finished was dropped, which takes seconds. */
const repeatFullAfterMs = 1_000;

/**
 * Appends one event however often the connection breaks: it is repeated with the same message id, for 60 s at most,
 * so that the log takes it once. While the log is full it is repeated for as long as the signal lets it. Rejects with
 * an AppendError where that is not enough, or the broker says no; with the signal's reason. After `unknown` the log has
 * to be read before the event is sent again.
 */
export async function appendUntilStored(
  broker: Broker,
  { append }: Pick<Appender, "append">,
  event: TaskEvent,
  queue: Queue,
  {
    signal,
    beforeRepeat,
    ...origin
  }: EventOrigin & {
    signal: AbortSignal;
    /** A broker that comes back may have lost what the event belongs to: then `signal` has to abort. */
    beforeRepeat?: () => Promise<void>;
  },
): Promise<Appended> {
  /** Of the first one that may have been stored. */
  let inDoubtSince = Infinity;
  for (;;) {
    signal.throwIfAborted();
    const sentAt = performance.now();
    try {
      return await append(event, queue, origin);
    } catch (error) {
      if (!(error instanceof AppendError) || !isPassing(error)) throw error;
      const full = error.code === "full";
      if (!full) inDoubtSince = Math.min(inDoubtSince, sentAt);
      if (performance.now() - inDoubtSince > repeatForMs) throw error;
      signal.throwIfAborted();
      const afterMs = full ? repeatFullAfterMs : repeatAfterMs;
      await sleep(afterMs, undefined, { signal }).catch(() =>
        signal.throwIfAborted(),
      );
      await broker.whenConnected(signal);
      await beforeRepeat?.();
    }
  }
}

const isPassing = ({ code }: AppendError): boolean =>
  code === "unknown" || code === "unavailable" || code === "full";
