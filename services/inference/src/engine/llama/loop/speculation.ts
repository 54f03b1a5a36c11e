/**
 * How many of the guessed tokens are decoded beside the latest one. Pure. A row more in a batch costs less than a step
 * of its own, and a token that was guessed right saves one.
 *
 * `auto` measures what decides: how long a step takes without drafts, what a drafted row adds, and how often a guess is
 * right after so many right ones. Guesses of the prompt lookup are checked whether they are decoded or not, so what is
 * off comes on again where it would pay. A draft model's guesses cost time, so it is tried now and then.
 */

/** `on` drafts wherever there is a guess. */
export type SpeculationMode = "off" | "on" | "auto";

export interface Speculation {
  /** How many tokens to draft for each of those that write. */
  plan: (writers: readonly Guess[]) => number[];
  /** A guess was right or not. */
  guessed: (streak: number, right: boolean) => void;
  /** A step of so many writers with so many drafted rows took so long. */
  stepTook: (writers: number, rows: number, ms: number) => void;
}

export interface Guess {
  /** Right guesses in a row before it; undefined: there is none. */
  streak: number | undefined;
  /** So many tokens may be drafted. */
  most: number;
}

/** With more writers a batch's rows are not free. */
const mostWriters = 4;
/** Of each writer. llama.cpp reads 64 rows or more in another way. */
export const mostDrafted = 12;
/** When it is `on`: so many at first, two more for each that was right, and so many at most. */
const firstDrafted = 3;
const draftedWhenOn = 8;
/** A draft model is asked for so many when it is `on`, and where `auto` tries it. */
const draftedByModel = 4;
/** Every so many steps with drafts one goes without, to measure it. */
const plainEvery = 24;
/** Where rows seem too dear, they are measured again every so many steps, by what is likelier than this. */
const retryEvery = 32;
/** A draft model is tried more and more seldom while it does not pay: each time it has read up what was written. */
const mostRetry = 512;
const likely = 0.5;
/** The gain has to be so many times the cost. */
const worthIt = 1.1;

/** What steps of so many writers cost. */
interface Cost {
  stepMs?: number;
  rowMs?: number;
  sincePlain: number;
  sinceRows: number;
  /** So many steps without drafts until rows are measured again. */
  retryEvery: number;
}

/** `source`: what guesses. */
export function makeSpeculation(
  mode: "on" | "auto",
  source: "lookup" | "model" = "lookup",
): Speculation {
  const costs = new Map<number, Cost>();
  /** By the logarithm of the streak: how likely the next guess is right. */
  const chances = Array.from({ length: 6 }, () => ({ mean: 0.5, count: 2 }));
  const chanceAt = (streak: number) =>
    chances[Math.min(chances.length - 1, Math.floor(Math.log2(streak + 1)))]!;

  function costOf(writers: number): Cost {
    let cost = costs.get(writers);
    if (cost === undefined)
      costs.set(writers, (cost = { sincePlain: 0, sinceRows: 0, retryEvery }));
    return cost;
  }

  /** As long as a row's chance to be right is as large as this. */
  function lengthOf({ streak, most }: Guess, leastChance: number): number {
    if (streak === undefined) return 0;
    let chance = 1;
    for (let length = 0; length < most; length++) {
      chance *= chanceAt(streak + length).mean;
      if (chance < leastChance) return length;
    }
    return most;
  }

  function planAuto(guesses: readonly Guess[]): number[] {
    const cost = costOf(guesses.length);
    const { stepMs, rowMs } = cost;
    const none = guesses.map(() => 0);
    if (stepMs === undefined || cost.sincePlain >= plainEvery) return none;
    if (rowMs !== undefined) {
      // What a row costs, by what it may save: a token's share of a step.
      const leastChance = (worthIt * rowMs) / (stepMs / guesses.length);
      const lengths = guesses.map((guess) => lengthOf(guess, leastChance));
      if (lengths.some((length) => length > 0)) {
        cost.retryEvery = retryEvery;
        return lengths;
      }
    }
    cost.sinceRows += 1;
    if (rowMs !== undefined && cost.sinceRows < cost.retryEvery) return none;
    return guesses.map((guess) =>
      source === "model" ? fixedLength(guess) : lengthOf(guess, likely),
    );
  }

  const fixedLength = ({ streak, most }: Guess): number => {
    if (streak === undefined) return 0;
    const wanted =
      source === "model"
        ? draftedByModel
        : Math.min(firstDrafted + 2 * streak, draftedWhenOn);
    return Math.min(wanted, most);
  };

  return {
    plan(writers) {
      if (writers.length > mostWriters) return writers.map(() => 0);
      const guesses = writers.map(({ streak, most }) => ({
        ...{ streak, most: Math.max(0, Math.min(most, mostDrafted)) },
      }));
      return mode === "auto" ? planAuto(guesses) : guesses.map(fixedLength);
    },
    guessed(streak, right) {
      const chance = chanceAt(streak);
      chance.count = Math.min(chance.count + 1, 50);
      chance.mean += (Number(right) - chance.mean) / chance.count;
    },
    stepTook(writers, rows, ms) {
      const cost = costOf(writers);
      if (rows === 0) {
        cost.stepMs = mean(cost.stepMs, ms);
        cost.sincePlain = 0;
      } else if (cost.stepMs !== undefined) {
        // Never nothing: a mean of nothing would stay so.
        const extraMs = Math.max(ms - cost.stepMs, cost.stepMs / 100);
        cost.rowMs = mean(cost.rowMs, extraMs / rows);
        cost.sincePlain += 1;
        cost.sinceRows = 0;
        if (source === "model")
          cost.retryEvery = Math.min(2 * cost.retryEvery, mostRetry);
      }
    },
  };
}

/** Rather the quick ones: the others were disturbed. */
const mean = (before: number | undefined, ms: number): number =>
  before === undefined
    ? ms
    : before + (ms < before ? 0.3 : 0.1) * (Math.min(ms, 4 * before) - before);
