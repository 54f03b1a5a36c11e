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
  /** How many of these tokens, from the first one on, are in its cells, as far as this owner may learn it. */
  commonPrefix: (tokens: readonly Token[], owner: Owner) => number;
  /**
   * Reads the tokens and then writes one after the other until `onToken` says that it was the last one. Resolves to how
   * many of the tokens were in its cells already. Rejects with the signal's reason within a step of an abort; with
   * anything else where the native part failed. One at a time.
   */
  write: (work: Writing) => Promise<number>;
  /** Empties it after an error, since its cells and what is thought of them may differ. */
  reset: () => Promise<void>;
}

/** Undefined: the engine's own requests. */
export type Owner = string | undefined;

export interface Writing {
  /** At least one. */
  tokens: readonly Token[];
  owner: Owner;
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

/** What a task is, for what it may keep. */
export type Wish = Pick<Writing, "tokens" | "goesOn" | "owner">;

/** What a sequence has for a task. */
export interface Held {
  /** Tokens that both begin with. */
  shared: number;
  /** So many of the sequence's were read alike. */
  alike: number;
  /** They are the same owner's. */
  isOwn: boolean;
}

/** How many of a task's tokens may be kept. */
export function mostKept(
  { tokens, goesOn }: Pick<Wish, "tokens" | "goesOn">,
  { shared, alike, isOwn }: Held,
): number {
  const most =
    goesOn && isOwn
      ? tokens.length - 1
      : Math.max(0, Math.min(alike, tokens.length - alikeFrom));
  return tellable(Math.min(shared, most), isOwn);
}

/**
 * How many of the tokens that two prompts share an owner may learn of. `cached_tokens` tells, and the time taken does:
 * were it exact, another owner's prompt could be guessed token by token, so of those it is told in whole blocks.
 */
export const tellable = (shared: number, isOwn: boolean): number =>
  isOwn ? shared : shared - (shared % alikeFrom);
