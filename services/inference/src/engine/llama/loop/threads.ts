/**
 * How many threads the next batch gets. Pure but for its clock. llama.cpp's threads meet at a barrier after each step and
 * spin there: where another process has one's core, all of them wait for it, and two threads on two cores can be a
 * hundred times slower than one. So the number is chosen by measuring while it runs, for each kind of batch, and for steps of
 * several sequences by their rows:
 *
 * - Now and then the next number up or down is tried against the present one, and taken where it is faster; more threads
 *   have to be faster by a tenth. The longer nothing changes, the more seldom it is tried.
 * - Batches that take several times what they usually do with this number lower it at once, for all kinds.
 */
import type { EngineThreads } from "@jetscribe/schema";
import { classOf, levelName, rowClasses, type Batch } from "./batchClass.ts";
import { makeTrial, type Trial } from "./trial.ts";

export interface Threads {
  /** How many for this batch, which is the next one. */
  next: (batch: Batch) => number;
  /** It took so long. */
  took: (batch: Batch, ms: number) => void;
  choice: () => EngineThreads;
}

/** More threads have to be so many times faster. */
const worthIt = 1.1;
/** The time until the next try, doubled with each that changes nothing, and quadrupled with each that is given up. */
const firstWaitMs = 500;
const mostWaitMs = 30_000;
/** How long more threads are not tried after they were lowered; doubled each time, unless they lasted for so long. */
const firstRestMs = 2_000;
const mostRestMs = 60_000;

/** A batch that takes so many times what is usual is late. */
const late = 2.5;
/** Late batches may cost so many times more than what is usual, and between so many ms, until the number is lowered; */
const mostExcess = 20;
const leastExcessMs = 50;
const mostExcessMs = 250;
/** of that, so much is forgiven in each ms. */
const forgiven = 0.3;

/** A number, and half of it, and half of that … down to one. */
function countsFrom(most: number): number[] {
  const counts = [];
  for (let count = most; count >= 1; count >>= 1) counts.push(count);
  return counts;
}

interface Level {
  name: string;
  count: number;
  /** By shape: what a batch costs with the present number. */
  usual: Map<string, number>;
  /** The number that is tried. */
  tried?: { count: number; trial: Trial } | undefined;
  tryAt: number;
  waitMs: number;
  /** Whether more threads are tried next, rather than fewer. */
  up: boolean;
}

export function makeThreads({
  most,
  first,
  now = () => performance.now(),
  onChange,
}: {
  most: number;
  /** To begin with. */
  first: number;
  now?: () => number;
  onChange: (choice: EngineThreads) => void;
}): Threads {
  const counts = countsFrom(most);
  const alone = makeLevel("alone");
  const prompts = makeLevel("prompts");
  const together = new Map(
    rowClasses.map((tokens) => [
      tokens,
      makeLevel(levelName({ kind: "together", tokens })),
    ]),
  );
  const levels = [alone, prompts, ...together.values()];
  /** Of the latest step of several sequences. */
  let latest = together.get(rowClasses[0]!)!;
  let because = "measured at the start";
  let raisedAt = -Infinity;
  let restMs = firstRestMs;
  let excessMs = 0;
  let lastAt = now();

  function makeLevel(name: string): Level {
    const count = Math.min(first, most);
    const tryAt = now() + firstWaitMs;
    const waitMs = firstWaitMs;
    return { name, count, usual: new Map(), tryAt, waitMs, up: true };
  }

  function levelOf({ kind, tokens }: Batch): Level {
    if (kind === "together") return together.get(classOf(tokens))!;
    return kind === "alone" ? alone : prompts;
  }

  const choice = (): EngineThreads => ({
    alone: alone.count,
    together: latest.count,
    prompts: prompts.count,
    because,
  });

  function change(level: Level, count: number, why: string): void {
    level.count = count;
    level.usual.clear();
    level.tried = undefined;
    because = why;
  }

  /** The next number up or down; undefined: there is none. */
  const neighbour = ({ count, up }: Level): number | undefined =>
    up
      ? counts.findLast((other) => other > count)
      : counts.find((other) => other < count);

  function next(batch: Batch): number {
    const level = levelOf(batch);
    if (batch.kind === "together") latest = level;
    if (level.tried === undefined && now() >= level.tryAt) {
      let count = neighbour(level);
      if (count === undefined) {
        level.up = !level.up;
        count = neighbour(level);
      }
      if (count !== undefined) level.tried = { count, trial: makeTrial() };
    }
    const { tried } = level;
    return tried?.trial.isTried === true ? tried.count : level.count;
  }

  function took(batch: Batch, ms: number): void {
    const { kind, tokens, depth } = batch;
    const level = levelOf(batch);
    const cost = kind === "prompts" ? ms / tokens : ms;
    const shape = `${kind === "prompts" ? "" : tokens}/${Math.ceil(Math.log2(depth + 1))}`;
    const { tried } = level;
    if (tried?.trial.isTried !== true) watch(level, shape, cost, ms);
    const gain = tried?.trial.took(shape, cost, ms);
    // While it was watched the number may have been lowered.
    if (gain !== undefined && level.tried === tried)
      settle(level, tried!.count, gain);
  }

  /** A trial has ended. */
  function settle(level: Level, count: number, gain: number): void {
    const raises = count > level.count;
    const wins = gain >= (raises ? worthIt : 1 / worthIt);
    const isGivenUp = gain === 0;
    level.tried = undefined;
    level.waitMs = wins
      ? firstWaitMs
      : Math.min((isGivenUp ? 4 : 2) * level.waitMs, mostWaitMs);
    level.tryAt = now() + level.waitMs;
    // Other work is on the cores, whatever the kind. One batch can take half a second then.
    if (isGivenUp)
      for (const other of levels)
        other.tryAt = Math.max(other.tryAt, now() + level.waitMs / 2);
    if (!wins) {
      level.up = !level.up;
      return;
    }
    if (raises) raisedAt = now();
    const why = `${count} instead of ${level.count} ${level.name}: ${gain.toFixed(2)} times as fast`;
    change(level, count, why);
    onChange(choice());
  }

  /** Learns what is usual, and lowers the number where batches are late. */
  function watch(level: Level, shape: string, cost: number, ms: number): void {
    const usual = level.usual.get(shape);
    const at = now();
    excessMs = Math.max(0, excessMs - forgiven * (at - lastAt));
    lastAt = at;
    if (usual === undefined) {
      level.usual.set(shape, cost);
      return;
    }
    const isLate = cost > late * usual;
    // Rather the quick ones: the others were disturbed.
    const weight = cost < usual ? 0.3 : 0.03;
    level.usual.set(
      shape,
      usual + weight * (Math.min(cost, late * usual) - usual),
    );
    if (!isLate || level.count === 1) return;
    excessMs += ms * (1 - usual / cost);
    const usualMs = ms * (usual / cost);
    const most = Math.max(leastExcessMs, mostExcess * usualMs);
    if (excessMs > Math.min(most, mostExcessMs))
      lower(
        `batches (${level.name}) take ${(cost / usual).toFixed(0)} times what is usual: other work is on the cores`,
      );
  }

  function lower(why: string): void {
    excessMs = 0;
    restMs =
      now() - raisedAt > mostRestMs
        ? firstRestMs
        : Math.min(2 * restMs, mostRestMs);
    for (const level of levels) {
      const fewer = counts.find((other) => other < level.count);
      if (fewer !== undefined) change(level, fewer, why);
      level.tried = undefined;
      level.up = true;
      level.tryAt = now() + restMs;
    }
    onChange(choice());
  }

  return { next, took, choice };
}

/** As many as asked for, whatever they take. */
export function fixedThreads(count: number): Threads {
  const because = "asked for";
  return {
    next: () => count,
    took: () => undefined,
    choice: () => ({
      ...{ alone: count, together: count, prompts: count, because },
    }),
  };
}
