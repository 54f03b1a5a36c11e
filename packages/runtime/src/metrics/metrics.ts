/** Metrics of a process. Names and units as Prometheus has them: `_seconds`, `_bytes`, `_total` behind a counter. */
import type * as client from "@prometheus-io/client";
import { Counter, Gauge, Registry } from "./client.ts";
import {
  makeCounterSeries,
  makeHistogramSeries,
  type CounterSeries,
  type HistogramSeries,
} from "./series.ts";

export type { HistogramSeries };
export type Metrics = ReturnType<typeof makeMetrics>;

interface Described<Label extends string> {
  name: string;
  help: string;
  /** Each needs few values: never an owner, a user or a task. */
  labels?: readonly Label[];
}

/** `collect` is called at each scrape, before the metric is read. */
type Of<Label extends string, Metric> = Described<Label> & {
  collect?: (this: Metric) => void;
};

export function makeMetrics() {
  const registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
  const common = <Label extends string>(of: Described<Label>) => ({
    ...of,
    ...{ labelNames: of.labels ?? [], registers: [registry] },
  });
  return {
    registry,
    counter: <Label extends string = never>(
      of: Of<Label, client.Counter<Label>>,
    ) => new Counter<Label>(common(of)),
    gauge: <Label extends string = never>(of: Of<Label, client.Gauge<Label>>) =>
      new Gauge<Label>(common(of)),
    /** For what is counted for each task: gives the series of these labels. */
    counterSeries: <Label extends string>(
      of: Described<Label>,
    ): ((labels: Record<Label, string>) => CounterSeries) =>
      makeCounterSeries(common(of)),
    /** `buckets`: upper bounds, in ascending order. Each bucket keeps the latest value's trace as its exemplar. */
    histogram: <Label extends string>(
      of: Described<Label> & { buckets: readonly number[] },
    ): ((labels: Record<Label, string>) => HistogramSeries) =>
      makeHistogramSeries(common(of), of.buckets),
    /** In the OpenMetrics format, without the line that ends it: `makeExposition` joins several. */
    text: async (): Promise<string> =>
      (await registry.metrics()).replace(/# EOF\n$/, ""),
  };
}
