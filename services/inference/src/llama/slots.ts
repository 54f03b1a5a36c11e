/** The slots: sequences of one context. A free one takes the next task at once; the others wait in order. */
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
  /** Hands it back. A broken one is replaced, since its memory and the library's idea of it may differ. */
  free(broken: boolean): Promise<void>;
}

type Sequence = LlamaContextSequence;

/** All the sequences of a context as slots. */
export function makeSlots(context: LlamaContext): Slots {
  const newSequence = () =>
    context.getSequence({ checkpoints: { interval: false } });
  /** Least recently used first. */
  const idle = Array.from({ length: context.totalSequences }, newSequence);
  const waiting: ((sequence: Sequence) => void)[] = [];

  async function turn(signal: AbortSignal): Promise<Sequence> {
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
    if (broken) await sequence.dispose();
    const whole = broken ? newSequence() : sequence;
    const next = waiting.shift();
    if (next === undefined) idle.push(whole);
    else next(whole);
  }

  return {
    async take(tokens, signal, probe = false) {
      const found = probe ? takeShortest(idle) : takeBest(idle, tokens);
      const sequence = found ?? (await turn(signal));
      return { sequence, free: (broken) => free(sequence, broken) };
    },
  };
}

/**
 * Removes and returns the idle sequence that already has most of the prompt; where none has half of it, the least
 * recently used one: a template's first tokens are in all of them, and not worth another conversation's prefix.
 */
function takeBest(idle: Sequence[], tokens: Token[]): Sequence | undefined {
  let best = 0;
  let most = tokens.length / 2;
  idle.forEach((sequence, i) => {
    const { firstDifferentIndex } = sequence.compareContextTokens(tokens);
    if (firstDifferentIndex > most) [best, most] = [i, firstDifferentIndex];
  });
  return idle.splice(best, 1)[0];
}

/** Removes and returns the idle sequence that remembers least. */
function takeShortest(idle: Sequence[]): Sequence | undefined {
  const lengths = idle.map(({ nextTokenIndex }) => nextTokenIndex);
  return idle.splice(lengths.indexOf(Math.min(...lengths)), 1)[0];
}
