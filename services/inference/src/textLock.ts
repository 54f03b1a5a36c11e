/** A task's subject in TOKENS as its lock: who writes there as expected has the task. Rule 4 of the design. */
import type { Broker } from "@jetscribe/event-log/connection";
import {
  lastToken,
  readTokens,
  type TokenLog,
} from "@jetscribe/event-log/tokens";
import type { Logger } from "@jetscribe/runtime";
import type { GenerateRequested, TokenChunk } from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskInHand } from "./inHand.ts";
import { keptTextOf, keptNothing, type KeptText } from "./keptText.ts";

/** An attempt's hold on the text of its task. */
export interface Claim {
  attempt: number;
  /** What it goes on from. */
  kept: KeptText;
  /** The sequence of the task's last chunk, 0: there is none; undefined: TOKENS can't be used. */
  seq: number | undefined;
}

/** Of a task that nobody has started yet. */
export const firstClaim: Claim = { attempt: 1, kept: keptNothing, seq: 0 };

/** What became of a chunk. */
export type Written =
  | { kind: "stored"; seq: number }
  /** Another worker has written there: the task is lost to this one. */
  | { kind: "taken" }
  /** The stream does not take it, and nobody waits for it any longer. */
  | { kind: "given up" };

export interface TextLock {
  /**
   * Takes the task's text over for an attempt: reads what there is, and puts its marker behind it. Interrupts the
   * task, and rejects with that, where another worker is first.
   */
  claim: (inHand: TaskInHand, attempt: number) => Promise<Claim>;
  /** Writes one chunk, however long that takes; what the stream refuses is tried again until `giveUp` aborts. */
  write: (
    inHand: TaskInHand,
    chunk: TokenChunk,
    expectedSeq: number,
    giveUp: AbortSignal,
  ) => Promise<Written>;
}

const repeatAfterMs = 500;
/** Rather without live text than not at all. */
const claimTimeoutMs = 5_000;

export function makeTextLock({
  broker,
  tokens,
  workerId,
  canGoOn,
  log,
}: {
  broker: Broker;
  tokens: TokenLog;
  workerId: string;
  /** Whether this worker's engine can go on with a begun answer to the request. */
  canGoOn: (request: GenerateRequested) => boolean;
  log: Logger;
}): TextLock {
  let complained = false;

  function complain(error: unknown): void {
    if (complained || !broker.connected) return;
    complained = true;
    log.warn({ err: error }, "live text cannot be stored");
  }

  /** Waits until it is worth another try; false: nobody waits for that any longer. */
  async function again(
    signal: AbortSignal,
    giveUp: AbortSignal,
  ): Promise<boolean> {
    if (giveUp.aborted) return false;
    const either = AbortSignal.any([signal, giveUp]);
    await sleep(repeatAfterMs, undefined, { signal: either }).catch(
      () => undefined,
    );
    signal.throwIfAborted();
    await broker.whenConnected(signal);
    return !giveUp.aborted;
  }

  async function write(
    { task: { task_id }, signal }: TaskInHand,
    chunk: TokenChunk,
    expectedSeq: number,
    giveUp: AbortSignal,
  ): Promise<Written> {
    for (let unsure = false; ;) {
      try {
        const put = await tokens.put(task_id, chunk, expectedSeq);
        if (put.kind === "stored") return put;
        if (put.kind === "refused")
          return unsure ? await whose(task_id, chunk) : { kind: "taken" };
        unsure = true;
        // What may stand there has to be found out, whoever waits.
        await again(signal, never);
      } catch (error) {
        signal.throwIfAborted();
        complain(error);
        if (!(await again(signal, giveUp))) return { kind: "given up" };
      }
    }
  }

  /** After a publish that was not answered: ours, if that one is the last there. */
  async function whose(taskId: string, chunk: TokenChunk): Promise<Written> {
    const last = await lastToken(broker, taskId);
    const isOurs =
      last?.chunk.worker_id === chunk.worker_id &&
      last.chunk.attempt === chunk.attempt &&
      last.chunk.n === chunk.n;
    return isOurs ? { kind: "stored", seq: last.seq } : { kind: "taken" };
  }

  async function claim(inHand: TaskInHand, attempt: number): Promise<Claim> {
    const { task, signal } = inHand;
    const chunks = await read(task.task_id, signal);
    if (chunks === undefined)
      return { attempt, kept: keptNothing, seq: undefined };
    const kept = canGoOn(inHand.item.event.data)
      ? keptTextOf(chunks)
      : keptNothing;
    const marker = {
      ...{ worker_id: workerId, attempt, n: 0, text: "" },
      offset: kept.text.length,
      completion_tokens: kept.tokens,
      prompt_tokens: kept.promptTokens,
    };
    const seq = chunks.at(-1)?.seq ?? 0;
    const giveUp = AbortSignal.timeout(claimTimeoutMs);
    const written = await write(inHand, marker, seq, giveUp);
    if (written.kind === "taken") inHand.interrupt("taken");
    signal.throwIfAborted();
    return written.kind === "stored"
      ? { attempt, kept, seq: written.seq }
      : { attempt, kept: keptNothing, seq: undefined };
  }

  /** Undefined: the stream can't be read. */
  async function read(taskId: string, signal: AbortSignal) {
    for (let tries = 0; tries < claimTimeoutMs / repeatAfterMs;) {
      try {
        return await readTokens(broker, taskId, signal);
      } catch (error) {
        signal.throwIfAborted();
        complain(error);
        // The time without a broker does not count: its streams are still there.
        if (broker.connected) tries += 1;
      }
      await again(signal, never);
    }
    return undefined;
  }

  return { claim, write };
}

const never = new AbortController().signal;
