/**
 * How many threads the next batch gets. Pure but for its clock. llama.cpp's threads meet at a barrier after each step and
 * spin there: where another process has one's core, all of them wait for it, and two threads on two cores can be a
 * hundred times slower than one. So the number is chosen by measuring while it runs, for each kind of batch, and for steps of
 * several sequences by their rows:
 *
 * - Now and then the next number up or down is tried against the present one, and taken where it is faster; more threads
 *   have to be faster by a tenth. What trials cost is a fiftieth of the time at most, and the longer nothing changes, the
 *   more seldom one begins.
 * - More threads that pay for a small batch pay for a larger one: what they cost hardly depends on the batch.
 * - Batches that take several times what they usually do with this number lower it at once, for all kinds. After a rest the
 *   number from before is tried, and all kinds have theirs again where it is faster.
 */
import type { EngineThreads } from "@jetscribe/schema";
import {
  classOf,
  levelName,
  rowClasses,
  shapeOf,
  type Batch,
} from "./batchClass.ts";
import { makeLateness } from "./lateness.ts";
import {
  beginTrial,
  countsFrom,
  firstWaitMs,
  isDue,
  makeLevel,
  neighbour,
  setCount,
  waitLonger,
  type Level,
} from "./level.ts";
import type { Verdict } from "./trial.ts";

export interface Threads {
  /** How many for this batch, which is the next one. */
  next: (batch: Batch) => number;
  /** It took so long. */
  took: (batch: Batch, ms: number) => void;
  choice: () => EngineThreads;
}

/** More threads have to be so many times faster. */
const worthIt = 1.1;
/** After a trial that was won the number from before need not be tried soon. */
const wonWaitMs = 8_000;
/** What a trial has cost is so small a share of a level's time before its next one begins. */
const trialShare = 0.02;
/** How long the number stays lowered at least; doubled each time, unless it was not lowered for so many times as long. */
const firstRestMs = 250;
const mostRestMs = 60_000;
const steadyRests = 30;

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
  const levelNamed = (name: string) =>
    makeLevel(name, Math.min(first, most), now());
  const alone = levelNamed("alone");
  const prompts = levelNamed("prompts");
  const together = new Map(
    rowClasses.map((tokens) => [
      tokens,
      levelNamed(levelName({ kind: "together", tokens })),
    ]),
  );
  /** From the smallest batches to the largest. */
  const levels = [alone, ...together.values(), prompts];
  const lateness = makeLateness(now);
  /** Of the latest step of several sequences. */
  let latest = together.get(rowClasses[0]!)!;
  let because = "measured at the start";
  let raisedAt = -Infinity;
  let restMs = firstRestMs;

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

  function next(batch: Batch): number {
    const level = levelOf(batch);
    if (batch.kind === "together") latest = level;
    if (level.tried === undefined && isDue(level, now()))
      beginTrial(level, counts);
    const { tried } = level;
    return tried?.trial.isTried === true ? tried.count : level.count;
  }

  function took(batch: Batch, ms: number): void {
    const level = levelOf(batch);
    const cost = batch.kind === "prompts" ? ms / batch.tokens : ms;
    const shape = shapeOf(batch);
    const { tried } = level;
    level.debtMs = Math.max(0, level.debtMs - trialShare * ms);
    if (tried?.trial.isTried !== true) {
      const taken = { shape, cost, ms };
      const times = lateness.took(level.usual, taken, level.count > 1);
      if (times !== undefined) lower(level, times);
    }
    const verdict = tried?.trial.took(shape, cost, ms);
    // While it was watched the number may have been lowered.
    if (verdict !== undefined && level.tried === tried)
      settle(level, tried!, verdict);
  }

  /** A trial has ended. */
  function settle(
    level: Level,
    { count, trial }: NonNullable<Level["tried"]>,
    verdict: Verdict,
  ): void {
    level.tried = undefined;
    level.debtMs += Math.max(0, trial.lossMs);
    const least = count > level.count ? worthIt : 1 / worthIt;
    if (verdict === "unlike") waitLonger(level, 2, now());
    else if (verdict >= least) win(level, count, verdict);
    else if (verdict === 0) giveUp(level);
    else lose(level, count);
  }

  function win(level: Level, count: number, gain: number): void {
    because = `${count} instead of ${level.count} ${level.name}: ${gain.toFixed(2)} times as fast`;
    const raises = count > level.count;
    if (raises) raisedAt = now();
    const isBack = count === level.before;
    const place = levels.indexOf(level);
    level.up = raises;
    const goesOn = neighbour({ ...level, count }, counts) !== undefined;
    const tryAt = now() + (goesOn ? firstWaitMs : wonWaitMs);
    for (const [i, other] of levels.entries()) {
      let its = i === place ? count : other.count;
      if (isBack) its = other.before ?? its;
      if (raises && i > place) its = Math.max(its, count);
      if (!raises && i < place) its = Math.min(its, count);
      if (its === other.count) continue;
      setCount(other, its);
      Object.assign(other, { up: raises, tryAt, waitMs: firstWaitMs });
    }
    onChange(choice());
  }

  function lose(level: Level, count: number): void {
    if (count === level.before) level.before = undefined;
    waitLonger(level, 2, now());
    if (count > level.count)
      for (const smaller of levels.slice(0, levels.indexOf(level)))
        if (smaller.up && smaller.count >= level.count)
          smaller.tryAt = Math.max(smaller.tryAt, level.tryAt);
    level.up = !level.up;
  }

  /** Other work is on the cores, whatever the kind. One batch can take half a second then. */
  function giveUp(level: Level): void {
    waitLonger(level, 4, now());
    for (const other of levels)
      other.tryAt = Math.max(other.tryAt, now() + level.waitMs / 2);
    if (level.before === undefined) level.up = !level.up;
  }

  function lower(late: Level, times: number): void {
    because = `batches (${late.name}) take ${times.toFixed(0)} times what is usual: other work is on the cores`;
    const wasSteady = now() - raisedAt > steadyRests * restMs;
    restMs = wasSteady ? firstRestMs : Math.min(2 * restMs, mostRestMs);
    for (const level of levels) {
      const fewer = counts.find((other) => other < level.count);
      const before = level.before ?? level.count;
      level.tried = undefined;
      level.up = true;
      level.waitMs = restMs;
      level.tryAt = now() + restMs;
      if (fewer === undefined) continue;
      setCount(level, fewer);
      level.before = before;
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
