/** A sequence at work: what it is asked to do, how far it is, and how it takes the tokens that were sampled for it. */
import type { Token } from "node-llama-cpp";
import type { Sampler } from "../internals.ts";
import type { Writing } from "../sequence.ts";
import type { Cells } from "./cells.ts";
import type { Drafts } from "./drafts.ts";
import type { Speculation } from "./speculation.ts";

/** What a sequence is asked to do, until it is done. */
export interface Task {
  number: number;
  cells: Cells;
  work: Writing;
  ended: PromiseWithResolvers<number>;
}

export interface Running extends Task {
  sampler: Sampler;
  /** Tokens that its cells had already. */
  kept: number;
  /** What is to be decoded before the next token is sampled: the rest of the prompt, later the latest token. */
  pending: readonly Token[];
  /** The turn in which it last read, or began: whoever begins later waits for those that have begun. */
  readAt: number;
  /** So many tokens were written. */
  written: number;
  /** What it probably writes next. */
  drafts: Drafts | undefined;
}

/**
 * Hands out the tokens, and forgets the drafts that were wrong, of which there were so many in the batch; false: the answer
 * is complete.
 */
export function takeTokens(
  task: Running,
  tokens: readonly Token[],
  drafted: number,
  speculation: Speculation | undefined,
): boolean {
  const { work, cells, drafts } = task;
  let goesOn = true;
  let taken = 0;
  while (goesOn && taken < tokens.length) {
    const token = tokens[taken++]!;
    if (drafts !== undefined) learn(drafts, token, speculation);
    goesOn = work.onToken(token);
  }
  task.written += taken;
  if (drafted > 0)
    work.onDrafted?.(drafted, Math.min(taken, Math.max(0, tokens.length - 1)));
  if (!goesOn) return false;
  if (tokens.length === 0) return true;
  cells.cutTo(cells.length - drafted + tokens.length - 1);
  task.pending = tokens.slice(-1);
  return true;
}

function learn(
  drafts: Drafts,
  token: Token,
  speculation: Speculation | undefined,
): void {
  const [guessed] = drafts.guess(1);
  if (guessed !== undefined && drafts.streak !== undefined)
    speculation?.guessed(drafts.streak, guessed === token);
  drafts.take(token);
}
