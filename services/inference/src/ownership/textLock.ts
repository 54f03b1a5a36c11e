/** A task's subject in TOKENS as its lock: who writes there as expected has the task. Rule 4 of the design. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  lastToken,
  readTokens,
  type TokenLog,
} from "@jetscribe/event-log/tokens/tokens";
import type { Logger } from "@jetscribe/runtime";
import type { GenerateRequested, TokenChunk } from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskInHand } from "./taskInHand.ts";
import { keptTextOf, keptNothing, type Progress } from "./keptText.ts";

/** An attempt's hold on the text of its task. */
export interface Claim {
  attempt: number;
  /** What it goes on from. */
  kept: Progress;
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
  | { kind: "given up" }
  /** No answer came while it was waited for: it may be stored, or may be refused. */
  | { kind: "unknown" };

export type TextLock = ReturnType<typeof makeTextLock>;

const repeatAfterMs = 500;
/** Rather without live text than not at all. */
const claimTimeoutMs = 5_000;
/** An answer that is under way when a chunk is given up may take so long. */
const lastAnswerMs = 500;

export function makeTextLock(deps: {
  broker: Broker;
  tokens: TokenLog;
  workerId: string;
  /** Whether this worker's engine can go on with a begun answer to the request. */
  canGoOn: (request: GenerateRequested) => boolean;
  log: Logger;
}) {
  const { broker, tokens, workerId, canGoOn, log } = deps;
  let complained = false;

  function complain(error: unknown): void {
    if (complained || !broker.connected) return;
    complained = true;
    log.warn({ err: error }, "live text cannot be stored");
  }

  /** Tries until there is an answer; undefined: there is none by the time that nobody waits for it any longer. */
  async function untilAnswered<Answer>(
    ask: () => Promise<Answer | undefined>,
    signal: AbortSignal,
    giveUp: AbortSignal,
  ): Promise<Answer | undefined> {
    for (;;) {
      try {
        const answer = await ask();
        if (answer !== undefined) return answer;
      } catch (error) {
        signal.throwIfAborted();
        complain(error);
      }
      const either = AbortSignal.any([signal, giveUp]);
      try {
        await sleep(repeatAfterMs, undefined, { signal: either });
        await broker.whenConnected(either);
      } catch {
        signal.throwIfAborted();
      }
      if (giveUp.aborted) return undefined;
    }
  }

  /**
   * Writes one chunk, and tries again until `giveUp` aborts; it resolves within half a second then. Rejects with the
   * signal's reason once the task is broken off.
   */
  async function write(
    { state, signal }: TaskInHand,
    chunk: TokenChunk,
    expectedSeq: number,
    giveUp: AbortSignal,
  ): Promise<Written> {
    const { task_id } = state.task;
    let unsure = false;
    async function put(): Promise<Written | undefined> {
      const putting = tokens.put(task_id, chunk, expectedSeq);
      const answer = await orUnknown(putting, giveUp);
      if (answer.kind === "stored") return answer;
      if (answer.kind === "refused")
        return unsure
          ? await orUnknown(whose(task_id, chunk), giveUp)
          : { kind: "taken" };
      unsure = true;
      return undefined;
    }
    const written = await untilAnswered(put, signal, giveUp);
    return written ?? { kind: unsure ? "unknown" : "given up" };
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

  /**
   * Takes the task's text over for an attempt: reads what there is, and puts its marker behind it. Interrupts the
   * task, and rejects with that, where another worker is first. It takes 6 s at most, the time without a broker not
   * counted: an attempt whose text can't be taken over runs without live text.
   */
  async function claim(inHand: TaskInHand, attempt: number): Promise<Claim> {
    const { signal } = inHand;
    const unclaimed = { attempt, kept: keptNothing, seq: undefined };
    // Asked about a stream that can't write, nats-server 2.9 answers nothing more on the connection.
    if (tokens.silent) return unclaimed;
    using patience = whileConnected(broker, claimTimeoutMs);
    const giveUp = patience.signal;
    const { task_id } = inHand.state.task;
    const either = AbortSignal.any([signal, giveUp]);
    const read = () => readTokens(broker, task_id, either);
    const chunks = await untilAnswered(read, signal, giveUp);
    if (chunks === undefined) return unclaimed;
    const kept = canGoOn(inHand.item.event.data)
      ? keptTextOf(chunks)
      : keptNothing;
    const marker = {
      worker_id: workerId,
      attempt,
      n: 0,
      text: "",
      offset: kept.text.length,
      completion_tokens: kept.completionTokens,
      prompt_tokens: kept.promptTokens,
    };
    const seq = chunks.at(-1)?.seq ?? 0;
    const written = await write(inHand, marker, seq, giveUp);
    if (written.kind === "taken") inHand.interrupt("taken");
    signal.throwIfAborted();
    return written.kind === "stored"
      ? { attempt, kept, seq: written.seq }
      : unclaimed;
  }

  return { claim, write };
}

/** What it comes to, or `unknown` where that isn't told soon after nobody waits any longer. */
async function orUnknown<T>(
  answer: Promise<T>,
  giveUp: AbortSignal,
): Promise<T | { kind: "unknown" }> {
  const late = Promise.withResolvers<{ kind: "unknown" }>();
  let timer: NodeJS.Timeout | undefined;
  const stopWaiting = () => {
    timer = setTimeout(late.resolve, lastAnswerMs, { kind: "unknown" });
  };
  if (giveUp.aborted) stopWaiting();
  else giveUp.addEventListener("abort", stopWaiting, { once: true });
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
    giveUp.removeEventListener("abort", stopWaiting);
  }
}

const tickMs = 250;

/** Aborts after so long with a connection: a broker that is away keeps its streams. */
function whileConnected(
  broker: Pick<Broker, "connected">,
  limitMs: number,
): { signal: AbortSignal } & Disposable {
  const over = new AbortController();
  let left = limitMs / tickMs;
  const timer = setInterval(() => {
    if (broker.connected && --left <= 0) over.abort();
  }, tickMs);
  return {
    signal: over.signal,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
