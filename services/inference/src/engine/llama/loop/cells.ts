/** What a sequence's cells hold. */
import type { Token } from "node-llama-cpp";
import type { Native } from "../internals.ts";
import {
  alikeFrom,
  commonPrefix,
  mostKept,
  tellable,
  type Held,
  type Owner,
  type Wish,
} from "../sequence.ts";

export interface Cells {
  /** How many tokens. */
  readonly length: number;
  /** How many of these tokens, from the first one on, they hold, as far as this owner may learn it. */
  commonPrefix: (others: readonly Token[], owner: Owner) => number;
  /** Keeps what they have of a prompt, removes the rest, and returns how many there are then. From now on they are its owner's. */
  keep: (work: Wish) => number;
  /** So many tokens were decoded at once into the next cells. */
  add: (tokens: readonly Token[]) => void;
  /** Removes all but so many. Throws where it can't. */
  cutTo: (length: number) => void;
  /** After an error: what they hold is not known. */
  forget: () => void;
}

export function makeCells(
  native: Pick<Native, "cut" | "cutsBack" | "isWhole" | "rowsAlike">,
  number: number,
): Cells {
  const tokens: Token[] = [];
  /** How many of them, from the first one on, were read as a prompt is read. */
  let alike = 0;
  let known = true;
  /** Of the latest task, which has had all that is in them. */
  let owner: Owner;

  function cut(from: number): boolean {
    if (known && from === tokens.length) return true;
    if (from > 0 && !native.cutsBack) return false;
    if (!native.cut(number, from)) return false;
    tokens.length = from;
    alike = Math.min(alike, from);
    known = true;
    return true;
  }

  /** How many of these tokens may be kept. */
  function most(work: Wish, held: Held): number {
    const isShort = work.tokens.length < alikeFrom && alike === 0;
    // Its cells would come out the same, whether they were read or written.
    if (isShort && held.isOwn && native.rowsAlike)
      return Math.min(held.shared, work.tokens.length - 1);
    return mostKept(work, held);
  }

  return {
    get length() {
      return tokens.length;
    },
    commonPrefix: (others, of) =>
      tellable(commonPrefix(tokens, others), of === owner),
    keep(work) {
      const shared = commonPrefix(tokens, work.tokens);
      const isOwn = work.owner === owner;
      const kept = most(work, { shared, alike, isOwn });
      const canKeep = kept === tokens.length || native.isWhole(number);
      if (!(canKeep && cut(kept)) && !cut(0))
        throw new Error(`sequence ${number} can't be emptied`);
      owner = work.owner;
      return tokens.length;
    },
    add(more) {
      if (alike === tokens.length && more.length >= alikeFrom)
        alike += more.length;
      for (const token of more) tokens.push(token);
    },
    cutTo(length) {
      if (!cut(length))
        throw new Error(`sequence ${number} can't be cut to ${length} tokens`);
    },
    forget() {
      known = false;
      tokens.length = 0;
    },
  };
}
