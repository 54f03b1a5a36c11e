/** The TOKENS stream: the text of running tasks. A task's subject there is its lock: rule 4 of the design. */
import { joinChunks, TokenChunk, type JoinedText } from "@jetscribe/schema";
import { makeAnswers } from "../append/answers.ts";
import {
  AppendError,
  isWrongLastSequence,
  readPubAck,
} from "../append/append.ts";
import type { LogMessage } from "../codec/codec.ts";
import { makeHeaders } from "../codec/headers.ts";
import { parseJson } from "../codec/parseJson.ts";
import type { Broker } from "../broker/connection.ts";
import { lastMessageOf, lastMessageOfAnyCopy } from "../broker/streamState.ts";
import { scan } from "../read/readLog.ts";
import { hear } from "../signals/signals.ts";

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

export type TokenLog = ReturnType<typeof makeTokenLog>;

/** Of the condition's header, and some. */
const headerBytes = 128;

export function makeTokenLog(
  broker: Broker,
  { putTimeoutMs = 2_000 }: { putTimeoutMs?: number } = {},
) {
  const answers = makeAnswers(broker);
  return {
    /**
     * Writes the chunk if `expectedSeq` is the sequence of the task's last one; 0: if there is none. Rejects with an
     * AppendError where the stream can't take it.
     */
    async put(
      taskId: string,
      chunk: TokenChunk,
      expectedSeq: number,
    ): Promise<PutChunk> {
      if (!broker.connected) return { kind: "unknown" };
      const message = {
        subject: broker.subjects.tokens(taskId),
        body: Buffer.from(JSON.stringify(chunk)),
        headers: makeHeaders(
          `Nats-Expected-Last-Subject-Sequence: ${expectedSeq}\r\n`,
        ),
      };
      const bytes = message.body.length;
      if (bytes + headerBytes > broker.maxPayload)
        throw new AppendError(
          "too_large",
          `the chunk has ${bytes} bytes; the broker takes ${broker.maxPayload}`,
        );
      const answer = await answers.ask(message, putTimeoutMs);
      if ("unanswered" in answer) return { kind: "unknown" };
      try {
        return { kind: "stored", seq: readPubAck(answer).seq };
      } catch (error) {
        if (isWrongLastSequence(error)) return { kind: "refused" };
        throw error;
      }
    },
    /** The broker, though connected, has lately answered for no chunk. */
    get silent() {
      return answers.silent;
    },
    [Symbol.dispose]: () => answers[Symbol.dispose](),
  };
}

/**
 * The chunks of a task that TOKENS still has, in order. Rejects when the broker is lost, or with the
 * signal's reason. What doesn't parse is left out.
 */
export async function readTokens(
  broker: Broker,
  taskId: string,
  signal: AbortSignal,
): Promise<StoredChunk[]> {
  const chunks: StoredChunk[] = [];
  const { tokens: stream } = broker.streams;
  const filter = broker.subjects.tokens(taskId);
  await scan(
    broker,
    { stream, filter, from: { seq: 1 } },
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
export const lastToken = (
  broker: Broker,
  taskId: string,
): Promise<StoredChunk | undefined> => askLast(lastMessageOf, broker, taskId);

/** As `lastToken`, sooner, and for readers only: in a cluster the copy that answers may be behind. */
export const lastTokenOfAnyCopy = (
  broker: Broker,
  taskId: string,
): Promise<StoredChunk | undefined> =>
  askLast(lastMessageOfAnyCopy, broker, taskId);

async function askLast(
  ask: typeof lastMessageOf,
  broker: Broker,
  taskId: string,
): Promise<StoredChunk | undefined> {
  const { streams, subjects } = broker;
  const found = await ask(broker, streams.tokens, subjects.tokens(taskId));
  return found && chunkOf(found);
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
}: Omit<LogMessage, "subject">): StoredChunk | undefined {
  const body = parseJson(Buffer.from(data).toString());
  const chunk = TokenChunk.safeParse(body).data;
  return chunk && { seq, time, chunk };
}

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
