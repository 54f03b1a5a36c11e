/** How long the loop's work takes, measured as it goes, and what piece of a prompt may be read in one go by that. */
import { alikeFrom } from "../sequence.ts";
import type { Reader } from "./plan.ts";

export interface Pace {
  /** One token of each of the writers was decoded and sampled. */
  stepTook: (ms: number) => void;
  /** So many tokens of prompts were read. */
  readTook: (kind: PieceKind, tokens: number, ms: number) => void;
  /** How many tokens of prompts should be read at once. */
  pieceLimit: (kind: PieceKind, beside: Beside) => number;
}

/** Whole prompts that are shorter than a tile are read in another way, at another pace. */
export type PieceKind = "tiles" | "short";

export const kindOf = ({ pending }: Pick<Reader, "pending">): PieceKind =>
  pending < alikeFrom ? "short" : "tiles";

export interface Beside {
  writers: number;
  /** How many short prompts wait to be read. */
  short: number;
}

/**
 * Beside others that write, a piece takes so many times the time of one of their steps: a gap between two of their
 * tokens is then three and a half steps long, and five sevenths of the time are the prompts'.
 */
const stepsPerPiece = 2.5;
/**
 * Short prompts get that much more as there are more of them than writers, since a step for few delays the many that wait
 * to take part in it; but no more than so many times the piece, so that the few notice little of it.
 */
const mostShare = 4;
/** A piece can't be broken off, and a cancel waits for its end. */
const mostMs = 200;
/** What fewer tokens take says little of what many do. */
const leastTokens = 16;
/** Until something was measured. */
const firstPiece = 256;
/** The share of the latest measurement in the mean, and of one that is less: the others were rather disturbed. */
const weight = 0.2;
const weightOfLess = 0.5;
/** A measurement counts for so many times the mean at most: the machine was busy with something else. */
const outlier = 4;

export function makePace(): Pace {
  let stepMs: number | undefined;
  const tokenMs: Record<PieceKind, number | undefined> = {
    ...{ tiles: undefined, short: undefined },
  };
  const mean = (before: number | undefined, ms: number): number => {
    if (before === undefined) return ms;
    if (ms < before) return before + weightOfLess * (ms - before);
    return before + weight * (Math.min(ms, outlier * before) - before);
  };

  return {
    stepTook: (ms) => void (stepMs = mean(stepMs, ms)),
    readTook(kind, tokens, ms) {
      if (tokens < leastTokens) return;
      tokenMs[kind] = mean(tokenMs[kind], ms / tokens);
    },
    pieceLimit(kind, { writers, short }) {
      const ms = tokenMs[kind];
      if (ms === undefined) return firstPiece;
      const share =
        kind === "short" ? Math.min(1 + short / writers, mostShare) : 1;
      const budgetMs =
        writers > 0 && stepMs !== undefined
          ? Math.min(share * stepsPerPiece * stepMs, mostMs)
          : mostMs;
      return Math.max(alikeFrom, Math.floor(budgetMs / ms));
    },
  };
}
