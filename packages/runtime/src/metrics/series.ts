/**
 * Counters and histograms that are counted for each task. The client looks a series up by its labels for each value; here
 * whoever counts holds the series, and the client gets the sums at each scrape.
 * Depends on: `store.merge` of the client's histogram, and the form of what it keeps. The client's version is pinned
 * exactly.
 */
import type * as client from "@prometheus-io/client";
import { Counter, Histogram } from "./client.ts";

/** One series of a counter. */
export interface CounterSeries {
  /** 0 or more; 1 where none is given. */
  add: (by?: number) => void;
}

/** One series of a histogram; it is told of once it has a value. */
export interface HistogramSeries {
  /** The latest value of each bucket names its trace. */
  observe: (value: number, trace: { trace_id: string }) => void;
}

type Labels = Record<string, string>;
type Config<Metric> = Pick<
  client.MetricConfiguration<string>,
  "name" | "help" | "labelNames" | "registers"
> & { collect?: (this: Metric) => void };

/** Gives a counter's series of these labels, which begins with 0. */
export function makeCounterSeries(config: Config<client.Counter>) {
  const all: { labels: Labels; more: number }[] = [];
  new Counter<string>({
    ...config,
    collect() {
      for (const one of all) {
        this.inc(one.labels, one.more);
        one.more = 0;
      }
    },
  });
  return (labels: Labels): CounterSeries => {
    const series = { labels, more: 0 };
    all.push(series);
    return { add: (by = 1) => void (series.more += by) };
  };
}

interface Exemplar {
  labelSet: { trace_id: string };
  value: number;
  /** In seconds since the epoch. */
  timestamp: number;
}

/** As the client's histogram keeps a series: by a bucket's upper bound, or -1 for what is above all of them. */
interface Kept {
  bucketValues: Record<string, number>;
  bucketExemplars: Record<string, Exemplar | null>;
  sum: number;
  count: number;
}

/** Gives a histogram's series of these labels, which is the same for the same labels. `bounds`: of the buckets, in ascending order. */
export function makeHistogramSeries(
  config: Config<client.Histogram>,
  bounds: readonly number[],
) {
  const all = new Map<string, { labels: Labels; of: Buckets }>();
  new Histogram<string>({
    ...{ ...config, buckets: [...bounds], enableExemplars: true },
    collect() {
      const { store } = this as unknown as {
        store: { merge: (labels: Labels, kept: Kept) => void };
      };
      for (const { labels, of } of all.values()) {
        const kept = of.kept();
        // Takes the place of what the client has of these labels.
        if (kept.count > 0) store.merge(labels, kept);
      }
    },
  });
  return (labels: Labels): HistogramSeries => {
    const name = JSON.stringify(Object.entries(labels).sort());
    const { of } = all.get(name) ?? { of: makeBuckets(bounds) };
    all.set(name, { labels, of });
    return of;
  };
}

type Buckets = ReturnType<typeof makeBuckets>;

function makeBuckets(bounds: readonly number[]) {
  const counts = bounds.map(() => 0).concat(0);
  const exemplars: (Exemplar | null)[] = counts.map(() => null);
  let sum = 0;
  const byBound = <T>(values: readonly T[]): Record<string, T> =>
    Object.fromEntries(values.map((value, i) => [bounds[i] ?? -1, value]));

  return {
    observe(value: number, labelSet: Exemplar["labelSet"]): void {
      let at = 0;
      while (at < bounds.length && value > bounds[at]!) at++;
      counts[at]!++;
      sum += value;
      exemplars[at] = { labelSet, value, timestamp: Date.now() / 1_000 };
    },
    kept: (): Kept => ({
      bucketValues: byBound(counts.slice(0, -1)),
      bucketExemplars: byBound(exemplars),
      sum,
      count: counts.reduce((all, count) => all + count, 0),
    }),
  };
}
