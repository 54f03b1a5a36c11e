/** Pure: what is counted of a step's tasks, and how buckets are added and stored. */
import type { OutcomeMetrics } from "@jetscribe/event-log/codec/attributes";
import {
  addHistogram,
  durationKinds,
  durationsOf,
  newHistogram,
  observe,
  type DurationKind,
  type ErrorType,
  type Histogram,
  type StatisticsRow,
} from "@jetscribe/schema";

/** In the order in which they are stored. */
const counters = [
  ...(["accepted", "started", "retried"] as const),
  ...(["completed", "failed", "cancelled"] as const),
  ...(["prompt_tokens", "completion_tokens"] as const),
] satisfies (keyof StatisticsRow)[];
type Counter = (typeof counters)[number];

export interface Bucket {
  counts: Record<Counter, number>;
  /** How many more tasks wait at its end than at its beginning, and how many more run. */
  waiting: number;
  running: number;
  failures: Partial<Record<ErrorType, number>>;
  durations: Partial<Record<DurationKind, Histogram>>;
}

export const newBucket = (): Bucket => ({
  counts: {
    ...{ accepted: 0, started: 0, retried: 0 },
    ...{ completed: 0, failed: 0, cancelled: 0 },
    ...{ prompt_tokens: 0, completion_tokens: 0 },
  },
  ...{ waiting: 0, running: 0, failures: {}, durations: {} },
});

/** What an event changed of its task. */
export interface Change {
  kind: Exclude<Counter, "prompt_tokens" | "completion_tokens">;
  /** The task waits or runs from now on; undefined: it has ended. */
  now: "waiting" | "running" | undefined;
  /** Undefined: it was accepted just now. */
  before: "waiting" | "running" | undefined;
  /** Of an outcome. */
  metrics?: OutcomeMetrics | undefined;
  /** Of a failure that says it. */
  error?: ErrorType | undefined;
  /** Some attempt of the task began. */
  wasStarted: boolean;
  /** How long its `not_before` was ahead when it was accepted, in seconds. */
  scheduledS: number;
}

export function count(
  bucket: Bucket,
  { kind, now, before, metrics, error }: Change,
): void {
  const { counts, failures } = bucket;
  counts[kind]++;
  if (before !== undefined) bucket[before]--;
  if (now !== undefined) bucket[now]++;
  if (error !== undefined) failures[error] = (failures[error] ?? 0) + 1;
  if (metrics === undefined) return;
  counts.prompt_tokens += metrics.prompt_tokens;
  counts.completion_tokens += metrics.completion_tokens;
}

/** How long an ended task took. */
export function time(bucket: Bucket, change: Change): void {
  if (change.metrics === undefined) return;
  const took = durationsOf(change.metrics, change);
  for (const kind of durationKinds) {
    const seconds = took[kind];
    if (seconds !== undefined)
      observe((bucket.durations[kind] ??= newHistogram()), seconds);
  }
}

/** A bucket but for its changes of what waits and runs, which are columns of their own: `[counts, failures, durations]`. */
type Stored = [
  number[],
  Bucket["failures"],
  Partial<Record<DurationKind, [sum: number, ...[number, number][]]>>,
];

export function encodeBucket({ counts, failures, durations }: Bucket): string {
  const histograms = Object.entries(durations).map(
    ([kind, { sum, counts }]) => [kind, [sum, ...counts]] as const,
  );
  const stored: Stored = [
    counters.map((counter) => counts[counter]),
    failures,
    Object.fromEntries(histograms),
  ];
  return JSON.stringify(stored);
}

/** Adds one bucket to another. */
export function addBucket(
  to: Bucket,
  from: Bucket,
  { withDurations }: { withDurations: boolean },
): void {
  for (const counter of counters) to.counts[counter] += from.counts[counter];
  to.waiting += from.waiting;
  to.running += from.running;
  addFailures(to, from);
  if (!withDurations) return;
  for (const kind of durationKinds) {
    const histogram = from.durations[kind];
    if (histogram !== undefined)
      addHistogram((to.durations[kind] ??= newHistogram()), histogram);
  }
}

function addFailures(to: Bucket, { failures }: Pick<Bucket, "failures">): void {
  for (const [type, failed] of Object.entries(failures)) {
    const error = type as ErrorType;
    to.failures[error] = (to.failures[error] ?? 0) + failed;
  }
}

/** Adds a stored bucket to one. */
export function addStored(
  to: Bucket,
  {
    waiting,
    running,
    data,
  }: Pick<Bucket, "waiting" | "running"> & { data: string },
): void {
  const [counts, failures, stored] = JSON.parse(data) as Stored;
  counters.forEach((counter, i) => (to.counts[counter] += counts[i] ?? 0));
  to.waiting += waiting;
  to.running += running;
  addFailures(to, { failures });
  for (const kind of durationKinds) {
    const [sum, ...buckets] = stored[kind] ?? [];
    if (sum !== undefined)
      addHistogram((to.durations[kind] ??= newHistogram()), {
        ...{ sum, counts: buckets },
      });
  }
}
