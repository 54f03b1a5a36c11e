/** Numbers that a seed decides. */
export interface Random {
  /** From 0 to under 1. */
  float(): number;
  /** A whole number; both ends belong to it. */
  int(from: number, to: number): number;
  pick<T>(from: readonly T[]): T;
  chance(probability: number): boolean;
  /** Another row of numbers, which depends on the seed and not on how many were drawn here. */
  fork(salt: number): Random;
}

/** The generator is mulberry32. */
export function makeRandom(seed: number): Random {
  let state = seed >>> 0;
  function float(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const int = (from: number, to: number) =>
    from + Math.floor(float() * (to - from + 1));
  return {
    float,
    int,
    pick<T>(from: readonly T[]): T {
      if (from.length === 0) throw new Error("there is nothing to pick from");
      return from[int(0, from.length - 1)] as T;
    },
    chance: (probability) => float() < probability,
    fork: (salt) => makeRandom(Math.imul(seed ^ (salt + 1), 0x9e3779b1)),
  };
}

/**
 * The generator of a test: another row for each `salt`, and the same one again in a run with the same SEED, which the run
 * prints at its start.
 */
export function testRandom(salt = 0): Random {
  return makeRandom(testSeed()).fork(salt);
}

/** A whole number from 0 to under 2³¹, which decides all random ones of a test run: SEED of the environment. */
export function testSeed(): number {
  const seed = Number(process.env["SEED"]);
  if (!Number.isInteger(seed))
    throw new Error("SEED is no whole number: the test runner sets one");
  return seed;
}
