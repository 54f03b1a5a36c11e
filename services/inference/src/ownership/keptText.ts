/** Pure: what an attempt can go on from, by the chunks that the ones before it left. */
import type { StoredChunk } from "@jetscribe/event-log/tokens/tokens";
import { joinChunks } from "@jetscribe/schema";
import type { TokenCounts } from "../engine/engine.ts";

/** How far a text came: in the attempt that runs, or in the ones before it. Empty: the attempt begins at the start. */
export interface Progress extends TokenCounts {
  text: string;
  /** When its first piece came, in seconds since the epoch. */
  firstToken?: number | undefined;
}

export const keptNothing: Progress = {
  text: "",
  promptTokens: 0,
  completionTokens: 0,
};

/** The text that the chunks make; nothing where one is missing, since they are as old as TOKENS keeps them. */
export function keptTextOf(chunks: readonly StoredChunk[]): Progress {
  const joined = joinChunks(chunks.map(({ chunk }) => chunk));
  if (!joined.whole || joined.text === "") return keptNothing;
  // After a marker that keeps nothing the text begins anew.
  const first = chunks.findLast(
    ({ chunk: { offset, text } }) => offset === 0 && text !== "",
  );
  return {
    text: joined.text,
    promptTokens: joined.prompt_tokens,
    completionTokens: joined.completion_tokens,
    firstToken: first?.time,
  };
}
