/** A prompt on its way into a slot: what the slot still has of it is kept, the rest is read. */
import type { LlamaContextSequence, Token } from "node-llama-cpp";
import type { Pause } from "./pause.ts";
import { alikeFrom, mostKept, type Writing } from "./sequence.ts";

/**
 * A prompt goes in by slices: one evaluation can't be interrupted, and the other slots wait for it. Smaller slices
 * than about 64 cost throughput.
 */
const sliceLength = 256;

/** How many of a slot's tokens were read alike. */
const readAlike = new WeakMap<LlamaContextSequence, number>();

/** `isOwn`: the slot's latest task was the same owner's. Reads all but the last slice, which is returned: the first new token is sampled from its result. */
export async function readPrompt(
  {
    sequence,
    pause,
    isOwn,
  }: { sequence: LlamaContextSequence; pause: Pause; isOwn: boolean },
  { tokens, goesOn, signal, onRead }: Writing,
): Promise<{ rest: Token[]; cachedTokens: number }> {
  const alike = readAlike.get(sequence) ?? 0;
  const { firstDifferentIndex: shared } = sequence.compareContextTokens([
    ...tokens,
  ]);
  const most = mostKept({ tokens, goesOn }, { shared, alike, isOwn });
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
