/** Which buckets there are: of each model and lane by short steps, and of each owner by longer ones. */
import type { Queue } from "@jetscribe/schema";

export interface Kept {
  /** Steps of 10 s of each model and lane, in ms. */
  shortStepsMs: number;
  /** Minutes of each model and lane, in ms. */
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
  /** A step has buckets of so many names; all others are counted together. */
  maxNames: number;
  kept: keyof Kept;
}

const ofModels = { of: "model", maxNames: 256 } as const;
const ofOwners = { of: "owner", maxNames: 1_000 } as const;

export const allSeries: readonly Series[] = [
  { number: 1, step: 10, ...ofModels, kept: "shortStepsMs" },
  { number: 2, step: 60, ...ofModels, kept: "minutesMs" },
  { number: 3, step: 60, ...ofOwners, kept: "ownerMinutesMs" },
  { number: 4, step: 3_600, ...ofOwners, kept: "ownerHoursMs" },
];

/** The series with the longest steps of which such steps can be made, in seconds. */
export function seriesFor(step: number, of: Series["of"]): Series | undefined {
  const fit = allSeries.filter((one) => one.of === of && step % one.step === 0);
  return fit.at(-1);
}

/** Stands for all names that are more than a step has buckets of. */
export const otherNames = "*";

export const modelAndLane = ({ model, lane }: Pick<Queue, "model" | "lane">) =>
  `${model} ${lane}`;

export const nameIn = ({ of }: Series, queue: Queue): string =>
  of === "owner" ? queue.owner : modelAndLane(queue);
