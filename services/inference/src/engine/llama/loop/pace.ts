/** How long the loop's work takes, measured as it goes, and what piece of a prompt may be read in one go by that. */
import { alikeFrom } from "../sequence.ts";

export interface Pace {
  /** One token of each of the writers was decoded and sampled. */
  stepTook: (ms: number) => void;
  /** So many tokens of prompts were read. */
  readTook: (tokens: number, ms: number) => void;
  /** How many tokens of prompts should be read at once. */
  pieceLimit: (beside: { writes: boolean }) => number;
}

/**
 * Beside others that write, a piece takes so many times the time of one of their steps: a gap between two of their
 * tokens is then three and a half steps long, and five sevenths of the time are the prompts'.
 */
const stepsPerPiece = 2.5;
/** A piece can't be broken off, and a cancel waits for its end. */
const mostMs = 200;
/** Until something was measured. */
const firstPiece = 256;
/** The share of the latest measurement in the mean. */
const weight = 0.2;
/** A measurement counts for so many times the mean at most: the machine was busy with something else. */
const outlier = 4;

export function makePace(): Pace {
  let stepMs: number | undefined;
  let tokenMs: number | undefined;
  const mean = (before: number | undefined, ms: number): number =>
    before === undefined
      ? ms
      : before + weight * (Math.min(ms, outlier * before) - before);

  return {
    stepTook: (ms) => void (stepMs = mean(stepMs, ms)),
    readTook(tokens, ms) {
      // Fewer are read in another way, at another pace.
      if (tokens >= alikeFrom) tokenMs = mean(tokenMs, ms / tokens);
    },
    pieceLimit({ writes }) {
      if (tokenMs === undefined) return firstPiece;
      const budgetMs =
        writes && stepMs !== undefined
          ? Math.min(stepsPerPiece * stepMs, mostMs)
          : mostMs;
      return Math.max(alikeFrom, Math.floor(budgetMs / tokenMs));
    },
  };
}
