/** Batches of one kind: their number of threads, and which other number is tried for them, and when. Pure. */
import type { Usual } from "./lateness.ts";
import { makeTrial, type Trial } from "./trial.ts";

/** The time until the next try, doubled with each that changes nothing, and quadrupled with each that is given up. */
export const firstWaitMs = 500;
const mostWaitMs = 30_000;

export interface Level {
  name: string;
  count: number;
  /** What a batch costs with the present number. */
  usual: Usual;
  /** The number that is tried. */
  tried?: { count: number; trial: Trial } | undefined;
  tryAt: number;
  waitMs: number;
  /** What trials have cost that is not made good yet. */
  debtMs: number;
  /** Whether more threads are tried next, rather than fewer. */
  up: boolean;
  /** The number that was lowered since batches were late. */
  before?: number | undefined;
}

export function makeLevel(name: string, count: number, now: number): Level {
  return {
    ...{ name, count, usual: new Map<string, number>() },
    ...{ tryAt: now + firstWaitMs, waitMs: firstWaitMs, debtMs: 0, up: true },
  };
}

/** A number, and half of it, and half of that … down to one. */
export function countsFrom(most: number): number[] {
  const counts = [];
  for (let count = most; count >= 1; count >>= 1) counts.push(count);
  return counts;
}

/** It has this number from now on. */
export function setCount(level: Level, count: number): void {
  level.count = count;
  level.usual.clear();
  level.tried = undefined;
  if (level.before !== undefined && count >= level.before)
    level.before = undefined;
}

/** The next of the numbers up or down; undefined: there is none. */
export const neighbour = (
  { count, up }: Pick<Level, "count" | "up">,
  counts: readonly number[],
): number | undefined =>
  up
    ? counts.findLast((other) => other > count)
    : counts.find((other) => other < count);

/** A trial is to begin. The number from before costs the more the longer it is waited for. */
export const isDue = ({ tryAt, debtMs, before }: Level, now: number): boolean =>
  now >= tryAt && (debtMs <= 0 || before !== undefined);

export function beginTrial(level: Level, counts: readonly number[]): void {
  const isKnown = level.before !== undefined;
  let count = level.before ?? neighbour(level, counts);
  if (count === undefined) {
    level.up = !level.up;
    count = neighbour(level, counts);
  }
  if (count !== undefined)
    level.tried = { count, trial: makeTrial({ isKnown }) };
}

/** So many times as long as before the trial that has ended. */
export function waitLonger(level: Level, times: number, now: number): void {
  level.waitMs = Math.min(times * level.waitMs, mostWaitMs);
  level.tryAt = now + level.waitMs;
}
