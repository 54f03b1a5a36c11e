/** Statistics of tasks over time: what a caller can ask for, and what is answered. */
import * as z from "zod";
import { ErrorType, Lane } from "../generate/events.ts";
import { allOwners, fromQuery } from "./tasks.ts";

/** In seconds. */
export const statisticsSteps = [10, 60, 300, 3_600, 86_400] as const;
/** The shortest step of one owner's statistics, in seconds. */
export const shortestOwnerStepS = 60;
/** An answer covers so many steps at most. */
export const maxStatisticsSteps = 1_500;

/** Seconds since the epoch. */
const Time = z.number().min(0).max(2.8e11);
const Name = z.string().min(1).max(256);
const Flag = z.stringbool({ truthy: ["true"], falsy: ["false"] });

export const StatisticsQuery = z.preprocess(
  fromQuery,
  z.strictObject({
    from: Time.optional().meta({
      description:
        "In seconds since the epoch; moved to the beginning of its step. An hour before `to` where it is absent.",
    }),
    to: Time.optional().meta({
      description:
        "In seconds since the epoch; moved to the end of its step. Now where it is absent.",
    }),
    step: z
      .literal([...statisticsSteps])
      .default(60)
      .meta({ description: "Seconds that a row is of." }),
    model: Name.optional().meta({
      description: "Only this model's tasks, by its name.",
      example: "demo",
    }),
    lane: Lane.optional().meta({ description: "Only this lane's tasks." }),
    by: z.enum(["all", "model"]).default("all").meta({
      description: "`model`: a row for each model and lane of a step.",
    }),
    owner: Name.optional().meta({
      description:
        "Only the tasks of the API key of this name. `*`: of every owner. Absent: a key with the scope `admin` gets those of every owner, any other key its own. Only `admin` may name another owner.",
    }),
    histograms: Flag.default(false).meta({
      description: "Whether durations come with their histograms.",
    }),
  }),
);
export type StatisticsQuery = z.infer<typeof StatisticsQuery>;

const Count = z.int().nonnegative();
const Seconds = z.number().nonnegative();

export const StatisticsDurations = z.object({
  count: Count.meta({ description: "So many tasks." }),
  sum: Seconds.meta({ description: "Of all of them." }),
  p50: Seconds.meta({
    description:
      "Half of them did not take longer; exact within 9.1 %, as the other quantiles.",
  }),
  p95: Seconds,
  p99: Seconds,
  histogram: z
    .array(z.object({ le: Seconds, count: Count }))
    .optional()
    .meta({
      description:
        "How many took up to `le`, and longer than the `le` before. The bounds grow by a factor of 2^(1/4) from 0.001 on, so histograms can be added; buckets without any are left out.",
    }),
});
export type StatisticsDurations = z.infer<typeof StatisticsDurations>;

/** The durations of a task that have a histogram. */
export const durationKinds = [
  "wait",
  "first_token",
  "processing",
  "total",
] as const;
export type DurationKind = (typeof durationKinds)[number];

export const StatisticsRow = z.object({
  time: z.number().meta({
    description: "When its step begins, in seconds since the epoch.",
  }),
  model: z.string().optional().meta({
    description:
      "With `by=model`. `*`: all models beyond the first 256 of an hour.",
  }),
  lane: Lane.optional().meta({ description: "With `by=model`." }),
  accepted: Count.meta({ description: "Tasks that were accepted." }),
  started: Count.meta({ description: "Attempts that began." }),
  retried: Count.meta({
    description: "Attempts that were given up, to be made again.",
  }),
  completed: Count,
  failed: Count,
  cancelled: Count,
  failures: z.partialRecord(ErrorType, Count).meta({
    description:
      "The failed tasks by the type of their error; `ExpiredError` are those that expired.",
  }),
  prompt_tokens: Count.meta({ description: "Of the tasks that ended." }),
  completion_tokens: Count.meta({ description: "Of the tasks that ended." }),
  waiting: Count.meta({
    description: "Tasks that waited at the end of the step.",
  }),
  running: Count.meta({
    description: "Tasks that ran at the end of the step.",
  }),
  wait: StatisticsDurations.optional().meta({
    description:
      "From acceptance, or `not_before`, to the first start, of the tasks that ended and had been started. Durations are absent of one owner's statistics, and where there is no task.",
  }),
  first_token: StatisticsDurations.optional().meta({
    description: "From the first start to the first token.",
  }),
  processing: StatisticsDurations.optional().meta({
    description:
      "From the first start to the outcome, of the tasks that were started.",
  }),
  total: StatisticsDurations.optional().meta({
    description:
      "From acceptance, or `not_before`, to the outcome, of all tasks that ended.",
  }),
});
export type StatisticsRow = z.infer<typeof StatisticsRow>;

export const StatisticsResponse = z.object({
  seq: Count.meta({
    description: "The sequence of the log up to which this counts.",
  }),
  step: Count.meta({ description: "Seconds." }),
  from: z.number().meta({
    description:
      "The beginning of the first step, in seconds since the epoch. Later than asked for where older steps are not kept any more.",
  }),
  to: z.number().meta({ description: "The end of the last step." }),
  rows: z.array(StatisticsRow).meta({
    description:
      "In the order of their times. The first step has a row; of the others those have one in which something happened. A step without a row has the `waiting` and `running` of the row before.",
  }),
  next: z.string().optional().meta({
    description:
      "The path of the rest, where one answer does not hold all rows.",
  }),
});
export type StatisticsResponse = z.infer<typeof StatisticsResponse>;

/** Whether the tasks of every owner are meant. */
export const isOfAllOwners = (
  owner: string | undefined,
  isAdmin: boolean,
): boolean => isAdmin && (owner === undefined || owner === allOwners);

const defaultRangeS = 3_600;

/** The range of a query in whole steps; `nowS`: seconds since the epoch. */
export function statisticsRange(
  { from, to, step }: Pick<StatisticsQuery, "from" | "to" | "step">,
  nowS: number,
): { from: number; to: number } {
  const end = to ?? nowS;
  const start = from ?? end - defaultRangeS;
  return {
    from: Math.floor(Math.max(0, start) / step) * step,
    to: Math.ceil(end / step) * step,
  };
}
