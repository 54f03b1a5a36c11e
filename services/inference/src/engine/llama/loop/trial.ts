/**
 * Which of two numbers of threads is faster. Pure. Both take turns with batches of the same shape. A turn is so long that
 * what the other processes have to do falls into both: a batch after a turn of fewer threads finds a core that is free.
 */

export interface Trial {
  /** The next batch is for the number that is tried; false: for the present one. */
  readonly isTried: boolean;
  /** A batch took so many ms, and cost so much; how many times faster the tried number is, once that is known. */
  took: (shape: string, cost: number, ms: number) => number | undefined;
}

/** So many pairs of turns are compared: what is fast for a moment may not be. */
const leastPairs = 7;
/** How long a turn is, or one batch where that takes longer. */
const turnMs = 20;
/** The tried number is given up once it took so many ms more, and so many times what a batch takes. */
const mostLossMs = 50;
const mostLoss = 5;

interface Pair {
  present: number;
  tried: number;
}

export function makeTrial(): Trial {
  const pairs: Pair[] = [];
  let shape: string | undefined;
  /** What a batch cost in the present number's turn, while it is the other one's. */
  let present: number | undefined;
  let turn = { cost: 0, ms: 0, batches: 0 };
  let lossMs = 0;

  /** The turn is over; what a batch cost in it. */
  function end(): number {
    const cost = turn.cost / turn.batches;
    turn = { cost: 0, ms: 0, batches: 0 };
    return cost;
  }

  return {
    get isTried() {
      return present !== undefined;
    },
    took(batchShape, cost, ms) {
      if (batchShape !== shape) {
        shape = batchShape;
        present = undefined;
        turn = { cost: 0, ms: 0, batches: 0 };
        return undefined;
      }
      turn = {
        cost: turn.cost + cost,
        ms: turn.ms + ms,
        batches: turn.batches + 1,
      };
      if (present !== undefined) {
        const usualMs = ms * (present / cost);
        lossMs = Math.max(-mostLossMs, lossMs + ms - usualMs);
        if (lossMs > Math.max(mostLossMs, mostLoss * usualMs)) return 0;
      }
      if (turn.ms < turnMs) return undefined;
      if (present === undefined) {
        present = end();
        return undefined;
      }
      pairs.push({ present, tried: end() });
      present = undefined;
      return pairs.length < leastPairs ? undefined : gainOf(pairs);
    },
  };
}

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
