/** The stored text of tasks for many readers; why few read at once: decision 0014. */
import type { Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import { scan } from "../read/readLog.ts";
import { chunkOf, readTokens, type StoredChunk } from "./tokens.ts";

/** The chunks of a task that TOKENS has. Rejects when the broker is lost, or with the signal's reason. */
export type ReadText = (
  taskId: string,
  signal: AbortSignal,
) => Promise<StoredChunk[]>;

/** More read no faster. */
const maxSingleReads = 16;
/** Reading everything costs about as much as reading so many tasks one by one. */
const readTogetherFrom = 100;
/** So many tasks are read together, or their text would take too much memory. */
const maxReadTogether = 1_000;

interface Waiting {
  chunks: StoredChunk[];
  read: PromiseWithResolvers<void>;
}

export function makeReadText(broker: Broker): ReadText {
  const single = makeAtMost(maxSingleReads);
  let singles = 0;
  /** By subject. */
  const waiting = new Map<string, Waiting>();
  let scanning = false;

  function readAlone(taskId: string, signal: AbortSignal) {
    singles++;
    const reading = single(() => readTokens(broker, taskId, signal), signal);
    return reading.finally(() => singles--);
  }

  async function readTogether(taskId: string, signal: AbortSignal) {
    const subject = broker.subjects.tokens(taskId);
    const one = waiting.get(subject) ?? {
      chunks: [],
      read: Promise.withResolvers<void>(),
    };
    waiting.set(subject, one);
    void scanForAll();
    await orAborted(one.read.promise, signal);
    return one.chunks;
  }

  async function scanForAll(): Promise<void> {
    if (scanning) return;
    scanning = true;
    while (waiting.size > 0) {
      const batch = new Map(waiting.entries().take(maxReadTogether));
      for (const subject of batch.keys()) waiting.delete(subject);
      await scanFor(broker, batch);
    }
    scanning = false;
  }

  return (taskId, signal) =>
    singles < readTogetherFrom
      ? readAlone(taskId, signal)
      : readTogether(taskId, signal);
}

async function scanFor(
  broker: Broker,
  batch: ReadonlyMap<string, Waiting>,
): Promise<void> {
  try {
    await scan(
      broker,
      { stream: broker.streams.tokens, from: { seq: 1 } },
      (message) => {
        const chunks = batch.get(message.subject)?.chunks;
        const chunk = chunks && chunkOf(message);
        if (chunk !== undefined) chunks?.push(chunk);
        return false;
      },
    );
    for (const { read } of batch.values()) read.resolve();
  } catch (error) {
    for (const { read } of batch.values()) {
      read.promise.catch(() => undefined); // Whoever waited may be gone.
      read.reject(error);
    }
  }
}

/**
 * Makes a function that runs what it is given once less than `limit` others run, in the order of the calls. It rejects as
 * `run` does, or with the signal's reason where that aborts before the turn has come.
 */
export function makeAtMost(limit: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  /** The place goes from one to the other. */
  function end(): void {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }

  return async <T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    if (running < limit) running++;
    else {
      const { promise: turn, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      await orAborted(turn, signal).catch((error: unknown) => {
        void turn.then(end); // It passes its turn on.
        throw error;
      });
    }
    try {
      return await run();
    } finally {
      end();
    }
  };
}
