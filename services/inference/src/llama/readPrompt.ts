/** A prompt on its way into a slot: what the slot still has of it is kept, the rest is read. */
import type { LlamaContextSequence, Token } from "node-llama-cpp";
import type { Pause } from "./pause.ts";

/**
 * A prompt goes in by slices: one evaluation can't be interrupted, and the other slots wait for it. Smaller slices
 * than about 64 cost throughput.
 */
const sliceLength = 256;

/**
 * llama.cpp reads so many tokens at once in another way than fewer, and than those that it writes: the results differ
 * in their last digits, which is another text where two tokens are nearly as likely. So none but those that were read
 * like this are kept, and no fewer are left to be read: then the text is the same as without.
 */
const alikeFrom = 64;

/** How many of a slot's tokens were read like that. */
const readAlike = new WeakMap<LlamaContextSequence, number>();

export interface ReadOptions {
  /** The prompt ends with a text that was begun: what the slot wrote itself is as good as it gets. */
  goesOn: boolean;
  signal: AbortSignal;
  /** A slice was read. */
  onRead?: (() => void) | undefined;
}

/** Reads all but the last slice, which is returned: the first new token is sampled from its result. */
export async function readPrompt(
  { sequence, pause }: { sequence: LlamaContextSequence; pause: Pause },
  tokens: readonly Token[],
  { goesOn, signal, onRead }: ReadOptions,
): Promise<{ rest: Token[]; cachedTokens: number }> {
  const alike = readAlike.get(sequence) ?? 0;
  const most = goesOn
    ? tokens.length - 1
    : Math.max(0, Math.min(alike, tokens.length - alikeFrom));
  const cachedTokens = await keepPrefix(sequence, tokens.slice(0, most), pause);
  const rest = tokens.slice(cachedTokens);
  const allAlike = alike >= cachedTokens && rest.length >= alikeFrom;
  while (rest.length >= sliceLength + alikeFrom) {
    signal.throwIfAborted();
    await sequence.evaluateWithoutGeneratingNewTokens(
      rest.splice(0, sliceLength),
    );
    onRead?.();
    await pause.over();
  }
  signal.throwIfAborted();
  const { length } = tokens;
  readAlike.set(sequence, allAlike ? length : Math.min(alike, cachedTokens));
  return { rest, cachedTokens };
}

/** Keeps what the slot has in common with these tokens, and removes the rest. Returns how many there are then. */
async function keepPrefix(
  sequence: LlamaContextSequence,
  tokens: Token[],
  pause: Pause,
): Promise<number> {
  const { firstDifferentIndex } = sequence.compareContextTokens(tokens);
  // Models with a sliding window or a recurrent state can't be cut back, only continued.
  const cut = () =>
    sequence.needsCheckpoints || tokens.length === 0
      ? sequence.clearHistory()
      : sequence.adaptStateToTokens(tokens, false);
  if (firstDifferentIndex < sequence.nextTokenIndex) await pause.during(cut);
  return sequence.nextTokenIndex;
}
