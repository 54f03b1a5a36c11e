/** Pure: what an attempt can go on from, by the chunks that the ones before it left. */
import type { StoredChunk } from "@jetscribe/event-log/tokens/tokens";
import { isMarker } from "@jetscribe/schema";
import type { BegunText } from "../engine/engine.ts";

/** The text that was streamed so far; empty: the attempt begins at the start. */
export interface KeptText extends BegunText {
  promptTokens: number;
  /** When its first piece was stored, in seconds since the epoch. */
  firstToken?: number | undefined;
}

export const keptNothing: KeptText = { text: "", tokens: 0, promptTokens: 0 };

/** The text that the chunks make; nothing where one is missing, since they are as old as TOKENS keeps them. */
export function keptTextOf(chunks: readonly StoredChunk[]): KeptText {
  let kept = keptNothing;
  for (const { chunk, time } of chunks) {
    const { offset, text, completion_tokens, prompt_tokens } = chunk;
    const fits = isMarker(chunk)
      ? offset <= kept.text.length
      : offset === kept.text.length;
    if (!fits) return keptNothing;
    kept =
      offset + text.length === 0
        ? keptNothing
        : {
            text: kept.text.slice(0, offset) + text,
            tokens: completion_tokens,
            promptTokens: prompt_tokens,
            firstToken: kept.firstToken ?? time,
          };
  }
  return kept;
}
