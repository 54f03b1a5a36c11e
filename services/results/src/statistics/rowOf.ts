/** Pure: a bucket as it is told. */
import {
  countIn,
  durationKinds,
  quantile,
  sortedBuckets,
  type Histogram,
  type Lane,
  type StatisticsDurations,
  type StatisticsRow,
} from "@jetscribe/schema";
import type { Bucket } from "./bucket.ts";
import type { Open } from "./openCounts.ts";
import { otherNames } from "./series.ts";

/** `name`: a model and lane, or "" for all together. `open`: what waited and ran at the step's end. */
export function rowOf(
  time: number,
  name: string,
  { counts, failures, durations }: Bucket,
  open: Open,
  withHistograms: boolean,
): StatisticsRow {
  const told = durationKinds.flatMap((kind) => {
    const histogram = durations[kind];
    return histogram ? [[kind, durationsOf(histogram, withHistograms)]] : [];
  });
  const [model = "", lane] = name.split(" ");
  return {
    time,
    ...(name !== "" && { model }),
    ...(name !== "" && name !== otherNames && { lane: lane as Lane }),
    ...counts,
    failures,
    // Tasks that left the log without an outcome are not told.
    waiting: Math.max(0, open.waiting),
    running: Math.max(0, open.running),
    ...(Object.fromEntries(told) as Partial<StatisticsRow>),
  };
}

function durationsOf(
  histogram: Histogram,
  whole: boolean,
): StatisticsDurations {
  const at = (q: number) => quantile(histogram, q) ?? 0;
  return {
    ...{ count: countIn(histogram), sum: histogram.sum },
    ...{ p50: at(0.5), p95: at(0.95), p99: at(0.99) },
    ...(whole && { histogram: sortedBuckets(histogram) }),
  };
}
