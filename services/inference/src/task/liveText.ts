/** The text of a running attempt on its way to readers, while it is written. Rule 4 of the design. */
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import type { TokenCounts } from "../engine/engine.ts";
import type { TaskInHand } from "../ownership/taskInHand.ts";
import type { Claim, TextLock } from "../ownership/textLock.ts";

export type LiveText = ReturnType<typeof makeLiveText>;

/** A text's chunks are so far apart at least. */
const everyMs = 20;
/** Of many texts together so far, since each costs the broker and this worker more than many tokens do; */
const everyMsOfAll = 4;
/** but a reader should see a text grow. */
const seldomMs = 100;
/** UTF-16 code units; what was held up may be more. Far below any broker's limit, also where all of it is escaped. */
const maxChunkLength = 2 ** 16;

/** The texts that a worker writes at the same time. */
export function makeLiveTexts(
  lock: Pick<TextLock, "write">,
  workerId: string,
  nowMs = () => performance.now(),
) {
  let count = 0;
  const pace = {
    nowMs,
    ms: () => Math.min(seldomMs, Math.max(everyMs, everyMsOfAll * count)),
    leave: () => void count--,
  };
  return {
    /** Another one, from its claim on, until it is closed. */
    begin(inHand: TaskInHand, claim: Claim): LiveText {
      count++;
      return makeLiveText(lock, inHand, claim, workerId, pace);
    },
  };
}

/** One chunk is under way at a time; text gathers meanwhile. One that is refused interrupts the task. */
function makeLiveText(
  { write }: Pick<TextLock, "write">,
  inHand: TaskInHand,
  { attempt, kept, seq: claimed }: Claim,
  workerId: string,
  pace: { nowMs: () => number; ms: () => number; leave: () => void },
) {
  let closed = false;
  /** Of the chunks: a short text has none. */
  let giveUp: AbortController | undefined;
  let seq = claimed;
  let n = 0;
  let offset = kept.text.length;
  let waiting = "";
  let counts: TokenCounts = kept;
  let opened = false;
  let scheduled = false;
  let sentAt = -Infinity;
  let sending: Promise<void> | undefined;

  const ended = () => closed || inHand.signal.aborted;

  function schedule(): void {
    if (scheduled || sending || !opened || waiting === "" || ended()) return;
    if (seq === undefined) return;
    scheduled = true;
    const dueIn = sentAt + pace.ms() - pace.nowMs();
    // Not within this turn: a text that is whole by its end needs no chunk.
    if (dueIn > 0) setTimeout(begin, dueIn);
    else setImmediate(begin);
  }

  function begin(): void {
    scheduled = false;
    if (ended() || seq === undefined) return;
    sentAt = pace.nowMs();
    sending = send(seq).finally(() => {
      sending = undefined;
      schedule();
    });
  }

  async function send(expectedSeq: number): Promise<void> {
    const text = firstPart(waiting, maxChunkLength);
    waiting = waiting.slice(text.length);
    const chunk = {
      worker_id: workerId,
      attempt,
      n: ++n,
      offset,
      text,
      completion_tokens: counts.completionTokens,
      prompt_tokens: counts.promptTokens,
    };
    offset += text.length;
    giveUp ??= new AbortController();
    try {
      const written = await write(inHand, chunk, expectedSeq, giveUp.signal);
      if (written.kind === "taken") inHand.interrupt("taken");
      if (written.kind === "unknown")
        inHand.change({ kind: "doubted", at: elapsedMs() });
      if (written.kind === "stored") seq = written.seq;
    } catch (error) {
      // The task was broken off meanwhile, and whoever works on it hears that by itself.
      if (!inHand.signal.aborted) throw error;
    }
  }

  return {
    /** Takes a piece of the text; it leaves with the next chunk. */
    say(text: string, now: TokenCounts): void {
      waiting += text;
      counts = now;
      schedule();
    },
    /** The attempt's start is in the log: text may leave from now on. */
    open(): void {
      opened = true;
      schedule();
    },
    /**
     * No chunk leaves any more. Resolves within half a second; where it isn't known by then what became of the last one,
     * the task is in doubt.
     */
    async close(): Promise<void> {
      if (!closed) pace.leave();
      closed = true;
      giveUp?.abort("closed"); // without a reason it makes an error with a stack, for every task
      await sending;
    },
  };
}

/** So much of the text at most, without half a character at its end. */
export function firstPart(text: string, maxLength: number): string {
  const part = text.slice(0, maxLength);
  return part.isWellFormed() ? part : part.slice(0, -1);
}
