/**
 * The slots: the sequences of one context. A free one takes the next task at once; the others wait in order. llama.cpp computes
 * the tokens of several sequences at once only where their numbers follow each other, so a task that no slot knows best
 * goes beside those that run.
 */
import type { Sequence, Writing } from "./sequence.ts";

type Comer = Pick<Writing, "tokens" | "owner">;

export interface Slots {
  /** Waits for a free slot, and gives the one that already has most of these tokens. */
  take(
    comer: Comer,
    signal: AbortSignal,
    /** Or the one whose memory is worth least. */
    probe?: boolean,
  ): Promise<Slot>;
}

export interface Slot {
  sequence: Sequence;
  /** Hands it back. A broken one is emptied. */
  free(broken: boolean): Promise<void>;
}

/** All the sequences of a context as slots. */
export function makeSlots(sequences: readonly Sequence[]): Slots {
  /** Least recently used first. */
  const idle = [...sequences];
  const waiting: ((sequence: Sequence) => void)[] = [];

  async function turn(signal: AbortSignal): Promise<Sequence> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Sequence>();
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

  async function free(sequence: Sequence, broken: boolean): Promise<void> {
    if (broken) await sequence.reset();
    const next = waiting.shift();
    if (next === undefined) idle.push(sequence);
    else next(sequence);
  }

  return {
    async take(comer, signal, probe = false) {
      const found = probe
        ? takeShortest(idle)
        : takeBest(idle, comer, sequences.length);
      const sequence = found ?? (await turn(signal));
      return { sequence, free: (broken) => free(sequence, broken) };
    },
  };
}

/**
 * Removes and returns the idle slot that already has most of the prompt; where none has half of it, the one with most
 * running neighbours, of these the least recently used one: a template's first tokens are in all of them, and not worth
 * another conversation's prefix.
 */
function takeBest(
  idle: Sequence[],
  { tokens, owner }: Comer,
  total: number,
): Sequence | undefined {
  let best = leastAlone(idle, total);
  let most = tokens.length / 2;
  idle.forEach((sequence, i) => {
    const shared = sequence.commonPrefix(tokens, owner);
    if (shared > most) [best, most] = [i, shared];
  });
  return idle.splice(best, 1)[0];
}

/** The index of the first idle slot with most running neighbours. */
function leastAlone(idle: Sequence[], total: number): number {
  const numbers = new Set(idle.map(({ number }) => number));
  const runs = (number: number) =>
    Number(number >= 0 && number < total && !numbers.has(number));
  const neighbours = idle.map(
    ({ number }) => runs(number - 1) + runs(number + 1),
  );
  return Math.max(0, neighbours.indexOf(Math.max(...neighbours)));
}

/** Removes and returns the idle slot that remembers least. */
function takeShortest(idle: Sequence[]): Sequence | undefined {
  const lengths = idle.map(({ length }) => length);
  return idle.splice(lengths.indexOf(Math.min(...lengths)), 1)[0];
}
