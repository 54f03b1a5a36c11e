/**
 * Which of two numbers of threads is faster. Pure. Both take turns, and a batch is compared with those of its shape only.
 * A turn is so long that what the other processes have to do falls into both: a batch after a turn of fewer threads finds
 * a core that is free.
 */

export interface Trial {
  /** The next batch is for the number that is tried; false: for the present one. */
  readonly isTried: boolean;
  /** How much longer than with the present number its batches took so far, in ms; what they gained counts against it. */
  readonly lossMs: number;
  /** A batch took so many ms, and cost so much; gives what the trial came to, once it has ended. */
  took: (shape: string, cost: number, ms: number) => Verdict | undefined;
}

/** How many times faster the tried number is, 0 where it was given up; or that too few batches could be compared. */
export type Verdict = number | "unlike";

/** So many pairs of turns are compared: what is fast for a moment may not be. */
const mostPairs = 7;
/** Fewer are enough where each of them says the same, and so clearly: so many times as fast, or as slow. */
const clear = [
  { pairs: 2, times: 1.3 },
  { pairs: 3, times: 1.1 },
];
/** One is enough for a number that was the faster one before, and is so many times as fast again. */
const clearIfKnown = { pairs: 1, times: 1.1 };
/** How long a turn is, or one batch where that takes longer. */
const turnMs = 20;
/** The tried number is given up once it took so many ms more, and so many times what a batch takes. */
const mostLossMs = 50;
const mostLoss = 5;

interface Pair {
  present: number;
  tried: number;
}

/** What batches cost, by their shape. */
type Costs = Map<string, { sum: number; batches: number }>;

/** `isKnown`: the tried number was the faster one before. */
export function makeTrial({ isKnown = false } = {}): Trial {
  const wins = isKnown ? [clearIfKnown, ...clear] : clear;
  const pairs: Pair[] = [];
  let turns = 0;
  /** Of the present number's turn, while it is the other one's. */
  let present: Costs | undefined;
  let costs: Costs = new Map();
  let passedMs = 0;
  let lossMs = 0;

  function note(shape: string, cost: number, ms: number): void {
    const { sum, batches } = costs.get(shape) ?? { sum: 0, batches: 0 };
    costs.set(shape, { sum: sum + cost, batches: batches + 1 });
    passedMs += ms;
  }

  /** The turn is over; what it cost. */
  function end(): Costs {
    const ended = costs;
    costs = new Map();
    passedMs = 0;
    return ended;
  }

  return {
    get isTried() {
      return present !== undefined;
    },
    get lossMs() {
      return lossMs;
    },
    took(shape, cost, ms) {
      note(shape, cost, ms);
      if (present !== undefined) {
        const usualMs = ms * (usualOf(shape, present) / cost);
        lossMs = Math.max(-mostLossMs, lossMs + ms - usualMs);
        if (lossMs > Math.max(mostLossMs, mostLoss * usualMs)) return 0;
      }
      if (passedMs < turnMs) return undefined;
      if (present === undefined) {
        present = end();
        return undefined;
      }
      const pair = pairOf(present, end());
      present = undefined;
      turns += 1;
      if (pair !== undefined) pairs.push(pair);
      const isOver = pairs.length >= mostPairs || isClear(pairs, wins);
      if (isOver) return gainOf(pairs);
      return turns < mostTurns ? undefined : "unlike";
    },
  };
}

/** Of the turns of batches that are all of other shapes nothing is learnt; after so many turns the trial is over. */
const mostTurns = 3 * mostPairs;

const meanOf = ({ sum, batches }: { sum: number; batches: number }): number =>
  sum / batches;

/** What a batch of the shape cost; where there was none, what the dearest one did. */
function usualOf(shape: string, costs: Costs): number {
  const own = costs.get(shape);
  return own ? meanOf(own) : Math.max(...costs.values().map(meanOf));
}

/** What the tried number's batches cost, and would have cost with the present one; undefined: they share no shape. */
function pairOf(present: Costs, tried: Costs): Pair | undefined {
  const pair = { present: 0, tried: 0 };
  for (const [shape, { sum, batches }] of tried) {
    const own = present.get(shape);
    if (own === undefined) continue;
    pair.present += batches * meanOf(own);
    pair.tried += sum;
  }
  return pair.tried > 0 ? pair : undefined;
}

/** `wins`: what is enough for the tried number; more may be asked for against it. */
const isClear = (pairs: readonly Pair[], wins: typeof clear): boolean =>
  saysSo(pairs, wins, ({ present, tried }) => present / tried) ||
  saysSo(pairs, clear, ({ present, tried }) => tried / present);

const saysSo = (
  pairs: readonly Pair[],
  enough: typeof clear,
  timesOf: (pair: Pair) => number,
): boolean =>
  enough.some(
    ({ pairs: least, times }) =>
      pairs.length >= least && pairs.every((pair) => timesOf(pair) >= times),
  );

/** In the middle and on the whole, of which the smaller counts. */
function gainOf(pairs: readonly Pair[]): number {
  const gains = pairs.map(({ present, tried }) => present / tried);
  const sum = (costs: number[]) => costs.reduce((a, b) => a + b, 0);
  const whole =
    sum(pairs.map(({ present }) => present)) /
    sum(pairs.map(({ tried }) => tried));
  const middle = gains.toSorted((a, b) => a - b)[gains.length >> 1] ?? 0;
  return Math.min(middle, whole);
}
