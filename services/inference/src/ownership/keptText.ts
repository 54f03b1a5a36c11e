/** Pure: what an attempt can go on from, by the chunks that the ones before it left. */
import type { StoredChunk } from "@jetscribe/event-log/tokens/tokens";
import { joinChunks } from "@jetscribe/schema";
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
  const joined = joinChunks(chunks.map(({ chunk }) => chunk));
  if (!joined.whole || joined.text === "") return keptNothing;
  // After a marker that keeps nothing the text begins anew.
  const first = chunks.findLast(
    ({ chunk: { offset, text } }) => offset === 0 && text !== "",
  );
  return {
    text: joined.text,
    tokens: joined.completion_tokens,
    promptTokens: joined.prompt_tokens,
    firstToken: first?.time,
  };
}
