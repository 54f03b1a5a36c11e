/**
 * Histograms of durations with one fixed layout, so that any two of them merge by adding. Buckets grow by a factor of
 * 2^(1/4) from 1 ms on: bucket 0 has all up to 1 ms, bucket n what is above `upperBound(n - 1)`, up to `upperBound(n)`. A
 * quantile is the geometric middle of its bucket, which is off by at most 2^(1/8) - 1, or 9.1 %. Browsers load it.
 */

const bucketsPerDoubling = 4;
/** 2^32 ms are 50 days. */
const lastBucket = 32 * bucketsPerDoubling;

/** How many durations are in each bucket, by its number; without those that have none. */
export type BucketCounts = Map<number, number>;

export interface Histogram {
  counts: BucketCounts;
  /** Of all durations, in seconds. */
  sum: number;
}

export const newHistogram = (): Histogram => ({ counts: new Map(), sum: 0 });

/** The bucket of a duration in seconds. */
export function bucketOf(seconds: number): number {
  const doublings = Math.log2(seconds * 1_000);
  if (!(doublings > 0)) return 0;
  return Math.min(lastBucket, Math.ceil(doublings * bucketsPerDoubling));
}

const exactBound = (bucket: number): number =>
  2 ** (bucket / bucketsPerDoubling) / 1_000;

/** The longest duration of a bucket in seconds, to six digits. */
export const upperBound = (bucket: number): number =>
  Number(exactBound(bucket).toPrecision(6));

/** Counts a duration in seconds. */
export function observe(histogram: Histogram, seconds: number): void {
  const bucket = bucketOf(seconds);
  const { counts } = histogram;
  counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  histogram.sum += seconds;
}

/** Adds one histogram to another. */
export function addHistogram(
  to: Histogram,
  from: { counts: Iterable<[bucket: number, count: number]>; sum: number },
): void {
  for (const [bucket, count] of from.counts)
    to.counts.set(bucket, (to.counts.get(bucket) ?? 0) + count);
  to.sum += from.sum;
}

export const countIn = ({ counts }: Pick<Histogram, "counts">): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0);

/** The duration in seconds that the part `q` of all does not exceed, by nearest rank; undefined where there is none. */
export function quantile(
  histogram: Pick<Histogram, "counts">,
  q: number,
): number | undefined {
  const rank = Math.max(1, Math.ceil(q * countIn(histogram)));
  let upTo = 0;
  for (const [bucket, count] of [...histogram.counts].sort(byBucket)) {
    upTo += count;
    if (upTo >= rank) return middleOf(bucket);
  }
  return undefined;
}

const byBucket = ([a]: [number, number], [b]: [number, number]) => a - b;

/** Of the lowest bucket its upper bound. */
const middleOf = (bucket: number): number =>
  upperBound(bucket === 0 ? 0 : bucket - 0.5);

/** The buckets in their order, each with its upper bound in seconds. */
export const sortedBuckets = ({
  counts,
}: Pick<Histogram, "counts">): { le: number; count: number }[] =>
  [...counts]
    .sort(byBucket)
    .map(([bucket, count]) => ({ le: upperBound(bucket), count }));
