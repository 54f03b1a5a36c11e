/**
 * What batches usually take, and whether they are late: other work is on the cores then. Pure but for its clock. One that
 * is late now and then is forgiven.
 */

/** A batch that takes so many times what is usual is late. */
const late = 2.5;
/** Late batches may cost so many times more than what is usual, and between so many ms, until they are too many; */
const mostExcess = 20;
const leastExcessMs = 50;
const mostExcessMs = 250;
/** of that, so much is forgiven in each ms. */
const forgiven = 0.3;

/** By shape: what a batch costs. */
export type Usual = Map<string, number>;

export interface Taken {
  shape: string;
  /** What batches of a shape are compared by. */
  cost: number;
  ms: number;
}

export function makeLateness(now: () => number) {
  let excessMs = 0;
  let lastAt = now();

  return {
    /**
     * A batch was computed. Learns what is usual; how many times that the batch took, once late ones are too many, which
     * begins anew then. `counts`: whether it can be one of those.
     */
    took(
      usual: Usual,
      { shape, cost, ms }: Taken,
      counts: boolean,
    ): number | undefined {
      const at = now();
      excessMs = Math.max(0, excessMs - forgiven * (at - lastAt));
      lastAt = at;
      const before = usual.get(shape);
      usual.set(shape, before === undefined ? cost : learnt(before, cost));
      if (!counts || before === undefined || cost <= late * before)
        return undefined;
      const usualMs = ms * (before / cost);
      excessMs += ms - usualMs;
      const most = Math.max(leastExcessMs, mostExcess * usualMs);
      if (excessMs <= Math.min(most, mostExcessMs)) return undefined;
      excessMs = 0;
      return cost / before;
    },
  };
}

function learnt(usual: number, cost: number): number {
  // Rather the quick ones: the others were disturbed.
  const weight = cost < usual ? 0.3 : 0.03;
  return usual + weight * (Math.min(cost, late * usual) - usual);
}
