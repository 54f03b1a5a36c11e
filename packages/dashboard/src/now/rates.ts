/** How many events there were in a second, of the last seconds. Pure. */
import type { FeedCounts } from "@jetscribe/schema";

/** The rates are of so many seconds. */
const overS = 10;

export interface CountsAt {
  /** When they came, in seconds since the epoch. */
  at: number;
  counts: FeedCounts;
}

/** The counts of the last seconds, with new ones. */
export const withCounts = (
  kept: readonly CountsAt[],
  came: CountsAt,
): readonly CountsAt[] => [...kept.filter(isOf(came.at)), came];

const isOf =
  (nowS: number) =>
  ({ at }: CountsAt): boolean =>
    nowS - at < overS;

/** Events by kind and second. */
export function ratesOf(kept: readonly CountsAt[], nowS: number): FeedCounts {
  const recent = kept.filter(isOf(nowS));
  const rate = (kind: keyof FeedCounts) =>
    recent.reduce((all, { counts }) => all + counts[kind], 0) / overS;
  return {
    requested: rate("requested"),
    started: rate("started"),
    retried: rate("retried"),
    completed: rate("completed"),
    failed: rate("failed"),
    cancelled: rate("cancelled"),
  };
}
