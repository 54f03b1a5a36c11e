/** The TOKENS stream: the text of running tasks. A task's subject there is its lock: rule 4 of the design. */
import { joinChunks, TokenChunk, type JoinedText } from "@jetscribe/schema";
import { makeAnswers } from "../append/answers.ts";
import { AppendError, readPubAck } from "../append/append.ts";
import type { LogMessage } from "../codec/codec.ts";
import { makeHeaders } from "../codec/headers.ts";
import { parseJson } from "../codec/parseJson.ts";
import type { Broker } from "../broker/connection.ts";
import { orMissing } from "../streams/readBack.ts";
import { scan } from "../read/readLog.ts";
import { hear } from "../signals/signals.ts";

/** A chunk that TOKENS holds. */
export interface StoredChunk {
  /** Its sequence in the stream. */
  seq: number;
  /** When the broker stored it, in seconds since the epoch. */
  time: number;
  chunk: TokenChunk;
}

/**
 * What became of a chunk.
 * - refused: another one was written there meanwhile
 * - unknown: no answer came, or there is no connection; it may be stored or not
 */
export type PutChunk =
  { kind: "stored"; seq: number } | { kind: "refused" } | { kind: "unknown" };

export interface TokenLog extends Disposable {
  /**
   * Writes the chunk if `expectedSeq` is the sequence of the task's last one; 0: if there is none. Rejects with an
   * AppendError where the stream can't take it.
   */
  put: (
    taskId: string,
    chunk: TokenChunk,
    expectedSeq: number,
  ) => Promise<PutChunk>;
  /** The broker, though connected, has lately answered for no chunk. */
  readonly silent: boolean;
}

/** "Wrong last sequence"; and, of a cluster, that another write on the subject is under way. */
const wrongLastSequence: ReadonlySet<number | undefined> = new Set([
  10071, 10164,
]);
const putTimeoutMs = 2_000;

export function makeTokenLog(broker: Broker): TokenLog {
  const answers = makeAnswers(broker);
  return {
    async put(taskId, chunk, expectedSeq) {
      if (!broker.connected) return { kind: "unknown" };
      const message = {
        subject: broker.subjects.tokens(taskId),
        body: Buffer.from(JSON.stringify(chunk)),
        headers: makeHeaders({
          "Nats-Expected-Last-Subject-Sequence": String(expectedSeq),
        }),
      };
      refuseTooLarge(broker, message.body.length);
      const answer = await answers.ask(message, putTimeoutMs);
      if ("unanswered" in answer) return { kind: "unknown" };
      try {
        return { kind: "stored", seq: readPubAck(answer).seq };
      } catch (error) {
        const late =
          error instanceof AppendError && wrongLastSequence.has(error.errCode);
        if (late) return { kind: "refused" };
        throw error;
      }
    },
    get silent() {
      return answers.silent;
    },
    [Symbol.dispose]: () => answers[Symbol.dispose](),
  };
}

/** Of the condition's header, and some. */
const headerBytes = 128;

function refuseTooLarge({ maxPayload }: Broker, bytes: number): void {
  if (bytes + headerBytes <= maxPayload) return;
  throw new AppendError(
    "too_large",
    `the chunk has ${bytes} bytes; the broker takes ${maxPayload}`,
  );
}

/**
 * The chunks of a task that TOKENS still has, in order, `fromSeq` on. Rejects when the broker is lost, or with the
 * signal's reason. What doesn't parse is left out.
 */
export async function readTokens(
  broker: Broker,
  taskId: string,
  signal: AbortSignal,
  fromSeq = 1,
): Promise<StoredChunk[]> {
  const chunks: StoredChunk[] = [];
  const { tokens: stream } = broker.streams;
  const filter = broker.subjects.tokens(taskId);
  await scan(
    broker,
    { stream, filter, from: { seq: fromSeq } },
    (message) => {
      const chunk = chunkOf(message);
      if (chunk !== undefined) chunks.push(chunk);
      return false;
    },
    signal,
  );
  return chunks;
}

/** A task's last chunk, from the stream's leader; undefined where there is none (any more). */
export async function lastToken(
  broker: Broker,
  taskId: string,
): Promise<StoredChunk | undefined> {
  const query = { last_by_subj: broker.subjects.tokens(taskId) };
  const found = await orMissing(
    broker.jsm.streams.getMessage(broker.streams.tokens, query),
  );
  if (!found) return undefined;
  const chunk = parseChunk(found.data);
  const time = Date.parse(found.timestamp) / 1000;
  return chunk && { seq: found.seq, time, chunk };
}

/** Hears each chunk as it is published, also one that the stream then refuses. What doesn't parse is ignored. */
export const hearTokens = (
  broker: Broker,
  taskId: string,
  onChunk: (chunk: TokenChunk) => void,
): Disposable =>
  hear(broker, broker.subjects.tokens(taskId), TokenChunk, onChunk);

/** Undefined where the message is no chunk. */
export function chunkOf({
  seq,
  time,
  data,
}: LogMessage): StoredChunk | undefined {
  const chunk = parseChunk(data);
  return chunk && { seq, time, chunk };
}

const parseChunk = (data: Uint8Array): TokenChunk | undefined =>
  TokenChunk.safeParse(parseJson(Buffer.from(data).toString())).data;

/** What was streamed of a task so far, for an outcome that keeps it; nothing where that can't be read now. */
export async function streamedSoFar(
  broker: Broker,
  taskId: string,
  signal: AbortSignal,
  read: (taskId: string, signal: AbortSignal) => Promise<StoredChunk[]> = (
    ...args
  ) => readTokens(broker, ...args),
): Promise<JoinedText> {
  const chunks = await read(taskId, signal).catch(() => []);
  return joinChunks(chunks.map(({ chunk }) => chunk));
}
