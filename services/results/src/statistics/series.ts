/** Which buckets there are: of each model and lane, and of each owner, in steps of several lengths. */
import type { Queue } from "@jetscribe/schema";

export interface Kept {
  /** Steps of 10 s of each model and lane, in ms. */
  shortStepsMs: number;
  /** Minutes and longer steps of each model and lane, in ms. */
  minutesMs: number;
  /** Minutes of each owner, in ms. */
  ownerMinutesMs: number;
  /** Hours of each owner, in ms. */
  ownerHoursMs: number;
}

export interface Series {
  /** As it stands in the file. */
  number: number;
  /** In seconds. */
  step: number;
  of: "model" | "owner";
  kept: keyof Kept;
  /** The number of the series whose buckets are added up to its own once a step is over; absent: each event counts in it. */
  sumOf?: number;
}

/** An hour has buckets of so many names; all others are counted together. */
export const maxNames = { model: 256, owner: 1_000 } as const;

export const allSeries: readonly Series[] = [
  { number: 1, step: 10, of: "model", kept: "shortStepsMs" },
  { number: 2, step: 60, of: "model", kept: "minutesMs", sumOf: 1 },
  { number: 3, step: 300, of: "model", kept: "minutesMs", sumOf: 2 },
  { number: 4, step: 3_600, of: "model", kept: "minutesMs", sumOf: 3 },
  { number: 5, step: 60, of: "owner", kept: "ownerMinutesMs" },
  { number: 6, step: 3_600, of: "owner", kept: "ownerHoursMs" },
];

/** The series of which such steps can be made, in seconds, the longest first; 0: all. */
export const seriesFor = (step: number, of: Series["of"]): Series[] =>
  allSeries.filter((one) => one.of === of && step % one.step === 0).reverse();

/** A range of a series, in seconds since the epoch. */
export interface Covered {
  series: Series;
  from: number;
  to: number;
}

/**
 * The ranges of series that make up a range, so that as few buckets as can be are read: the longest steps where they are,
 * and shorter ones at both ends. `series`: the longest first. `endOf`: up to which time a series has its buckets.
 */
export function cover(
  [longest, ...shorter]: readonly Series[],
  { from, to }: Pick<Covered, "from" | "to">,
  endOf: (series: Series) => number,
): Covered[] {
  if (longest === undefined || from >= to) return [];
  const { step } = longest;
  const first = Math.ceil(from / step) * step;
  const last = Math.min(Math.floor(to / step) * step, endOf(longest));
  if (first >= last) return cover(shorter, { from, to }, endOf);
  return [
    ...cover(shorter, { from, to: first }, endOf),
    { series: longest, from: first, to: last },
    ...cover(shorter, { from: last, to }, endOf),
  ];
}

/** Stands for all names beyond those that an hour has buckets of. */
export const otherNames = "*";

export const modelAndLane = ({ model, lane }: Pick<Queue, "model" | "lane">) =>
  `${model} ${lane}`;

export const nameIn = (of: Series["of"], queue: Queue): string =>
  of === "owner" ? queue.owner : modelAndLane(queue);
