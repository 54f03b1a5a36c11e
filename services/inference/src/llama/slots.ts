/**
 * The slots: sequences of one context. A free one takes the next task at once; the others wait in order. llama.cpp computes
 * the tokens of several sequences at once only where their numbers follow each other, so a task that no slot knows best
 * goes beside those that run.
 */
import type { LlamaContext, LlamaContextSequence, Token } from "node-llama-cpp";

export interface Slots {
  /** Waits for a free slot, and gives the one that already has most of these tokens. */
  take(
    tokens: Token[],
    signal: AbortSignal,
    /** Or the one whose memory is worth least. */
    probe?: boolean,
  ): Promise<Slot>;
}

export interface Slot {
  sequence: LlamaContextSequence;
  /** From 0 on: the sequence's in the context. */
  number: number;
  /** Hands it back. A broken one is replaced, since its memory and the library's idea of it may differ. */
  free(broken: boolean): Promise<void>;
}

type Free = Pick<Slot, "sequence" | "number">;

/** All the sequences of a context as slots. */
export function makeSlots(context: LlamaContext): Slots {
  const newSequence = () =>
    context.getSequence({ checkpoints: { interval: false } });
  /** Least recently used first. */
  const idle = Array.from(
    { length: context.totalSequences },
    (_, number): Free => ({ number, sequence: newSequence() }),
  );
  const waiting: ((slot: Free) => void)[] = [];

  async function turn(signal: AbortSignal): Promise<Free> {
    const { promise, resolve, reject } = Promise.withResolvers<Free>();
    const leave = () => {
      const at = waiting.indexOf(resolve);
      if (at >= 0) waiting.splice(at, 1);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", leave, { once: true });
    waiting.push(resolve);
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  async function free(slot: Free, broken: boolean): Promise<void> {
    if (broken) await slot.sequence.dispose();
    // The context gives the number anew that is free.
    const whole = broken ? { ...slot, sequence: newSequence() } : slot;
    const next = waiting.shift();
    if (next === undefined) idle.push(whole);
    else next(whole);
  }

  return {
    async take(tokens, signal, probe = false) {
      const found = probe
        ? takeShortest(idle)
        : takeBest(idle, tokens, context.totalSequences);
      const slot = found ?? (await turn(signal));
      return { ...slot, free: (broken) => free(slot, broken) };
    },
  };
}

/**
 * Removes and returns the idle slot that already has most of the prompt; where none has half of it, the one with most
 * running neighbours, of these the least recently used one: a template's first tokens are in all of them, and not worth
 * another conversation's prefix.
 */
function takeBest(
  idle: Free[],
  tokens: Token[],
  total: number,
): Free | undefined {
  let best = leastAlone(idle, total);
  let most = tokens.length / 2;
  idle.forEach(({ sequence }, i) => {
    const { firstDifferentIndex } = sequence.compareContextTokens(tokens);
    if (firstDifferentIndex > most) [best, most] = [i, firstDifferentIndex];
  });
  return idle.splice(best, 1)[0];
}

/** The index of the first idle slot with most running neighbours. */
function leastAlone(idle: Free[], total: number): number {
  const numbers = new Set(idle.map(({ number }) => number));
  const runs = (number: number) =>
    Number(number >= 0 && number < total && !numbers.has(number));
  const neighbours = idle.map(
    ({ number }) => runs(number - 1) + runs(number + 1),
  );
  return Math.max(0, neighbours.indexOf(Math.max(...neighbours)));
}

/** Removes and returns the idle slot that remembers least. */
function takeShortest(idle: Free[]): Free | undefined {
  const lengths = idle.map(({ sequence }) => sequence.nextTokenIndex);
  return idle.splice(lengths.indexOf(Math.min(...lengths)), 1)[0];
}
