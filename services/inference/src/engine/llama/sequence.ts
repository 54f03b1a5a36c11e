/**
 * What a slot is made of, behind the loop that decodes its tokens. Two loops implement it: `loop/batchLoop.ts`, and
 * `libraryLoop.ts` over node-llama-cpp's own evaluation.
 */
import type { LlamaGrammar, Token } from "node-llama-cpp";

export interface Sequence {
  /** llama.cpp's id of it, from 0 on. */
  readonly number: number;
  /** Tokens in its cells. */
  readonly length: number;
  /** How many of these tokens, from the first one on, are in its cells. */
  commonPrefix: (tokens: readonly Token[]) => number;
  /**
   * Reads the tokens and then writes one after the other until `onToken` says that it was the last one. Resolves to how
   * many of the tokens were in its cells already. Rejects with the signal's reason within a step of an abort; with
   * anything else where the native part failed. One at a time.
   */
  write: (work: Writing) => Promise<number>;
  /** Empties it after an error, since its cells and what is thought of them may differ. */
  reset: () => Promise<void>;
}

export interface Writing {
  /** At least one. */
  tokens: readonly Token[];
  /** The tokens end with a text that was begun: what the slot wrote itself is as good as it gets. */
  goesOn: boolean;
  sampling: Sampling;
  signal: AbortSignal;
  /** A piece of the tokens was read, and more are to be read. */
  onRead?: (() => void) | undefined;
  /** So many tokens may be written. */
  most: number;
  /** So many tokens were drafted, and so many of them were right. */
  onDrafted?: ((drafted: number, accepted: number) => void) | undefined;
  /** Takes a new token, those that end a text too; false: no more. */
  onToken: (token: Token) => boolean;
}

/** How the next token is chosen; every field, since the library's defaults are not what the API promises. */
export interface Sampling {
  /** 0: the likeliest token. */
  temperature: number;
  /** 0: all tokens. */
  topK: number;
  topP: number;
  minP: number;
  seed: number;
  /** Undefined: none is penalized. */
  penalties?: Penalties | undefined;
  /** Added to the tokens' logits; not empty. */
  bias?: ReadonlyMap<Token, number> | undefined;
  grammar?: LlamaGrammar | undefined;
}

export interface Penalties {
  repeat: number;
  presence: number;
  frequency: number;
  /** How many tokens of the answer they look back at. */
  lookBack: number;
  /** The tokens of the answer so far; grows. */
  written: readonly Token[];
}

/** How many tokens both begin with. */
export function commonPrefix(
  some: readonly Token[],
  others: readonly Token[],
): number {
  const most = Math.min(some.length, others.length);
  for (let i = 0; i < most; i++) if (some[i] !== others[i]) return i;
  return most;
}

/**
 * llama.cpp reads so many tokens at once in another way than fewer, and than those that it writes: the results differ
 * in their last digits, which is another text where two tokens are nearly as likely. So none but those that were read
 * like this are kept, and no fewer are left to be read: then the text is the same as without. For a prompt that is shorter
 * see `rowsAlike`.
 */
export const alikeFrom = 64;

/** How many of the tokens may be kept where a sequence has them; `alike`: so many of its own were read alike. */
export const mostKept = (
  { tokens, goesOn }: Pick<Writing, "tokens" | "goesOn">,
  alike: number,
): number =>
  goesOn
    ? tokens.length - 1
    : Math.max(0, Math.min(alike, tokens.length - alikeFrom));
