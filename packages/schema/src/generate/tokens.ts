/** The text of a running task on its way to readers: the messages of `llm.tokens.<task_id>`. They are no events. */
import * as z from "zod";

const Count = z.int().nonnegative();

/**
 * A piece of an attempt's text. Pieces are numbered from 1 in each attempt; what has the number 0 is the marker with
 * which an attempt that takes over begins: readers keep so many characters of the text, and forget the rest.
 */
export const TokenChunk = z.object({
  worker_id: z.string(),
  attempt: z.int().positive(),
  n: Count,
  /** Where the piece begins in the task's whole text, in UTF-16 code units; of a marker: how many are kept. */
  offset: Count,
  /** In whole characters; "" of a marker. */
  text: z.string(),
  /** Tokens generated so far, over all attempts that the text is from; of a marker: of what is kept. */
  completion_tokens: Count,
  /** Of the prompt; 0 where that isn't known yet. */
  prompt_tokens: Count,
});
export type TokenChunk = z.infer<typeof TokenChunk>;

/** Whether the chunk says what an attempt that takes over keeps. */
export const isMarker = ({ n }: TokenChunk): boolean => n === 0;

/** What chunks make together. */
export type JoinedText = ReturnType<typeof joinChunks>;

/** The text of a task's stored chunks, in the order of the stream. */
export function joinChunks(chunks: Iterable<TokenChunk>) {
  const joined = {
    text: "",
    /** Of the last chunk; 0: there is none. */
    attempt: 0,
    n: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
    /** False where one in between is missing, or does not fit: the text is what comes before that. */
    whole: true,
  };
  for (const chunk of chunks) {
    const { text, offset, ...facts } = chunk;
    const { length } = joined.text;
    if (isMarker(chunk)) joined.whole = offset <= length;
    else if (offset !== length) joined.whole = false;
    if (joined.whole) joined.text = joined.text.slice(0, offset) + text;
    joined.attempt = facts.attempt;
    joined.n = facts.n;
    joined.prompt_tokens = facts.prompt_tokens || joined.prompt_tokens;
    joined.completion_tokens = facts.completion_tokens;
  }
  return joined;
}
