/** Metrics of a process. Names and units as Prometheus has them: `_seconds`, `_bytes`, `_total` behind a counter. */
import type * as client from "@prometheus-io/client";
import { Counter, Gauge, Histogram, Registry } from "./client.ts";

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
  /** `buckets`: upper bounds, in ascending order. Each bucket keeps the latest value's trace as its exemplar. */
  function histogram<Label extends string = never>(
    of: Described<Label> & { buckets: readonly number[] },
  ) {
    // Its types take an exemplar's labels for the metric's.
    const made = new Histogram<string>({
      ...common(of),
      ...{ buckets: [...of.buckets], enableExemplars: true },
    });
    function observe(
      labels: Record<Label, string>,
      value: number,
      trace_id: string,
    ): void {
      made.observe({ labels, value, exemplarLabels: { trace_id } });
    }
    return { observe };
  }
  return {
    registry,
    counter: <Label extends string = never>(
      of: Of<Label, client.Counter<Label>>,
    ) => new Counter<Label>(common(of)),
    gauge: <Label extends string = never>(of: Of<Label, client.Gauge<Label>>) =>
      new Gauge<Label>(common(of)),
    histogram,
    /** In the OpenMetrics format, without the line that ends it: `makeExposition` joins several. */
    text: async (): Promise<string> =>
      (await registry.metrics()).replace(/# EOF\n$/, ""),
  };
}
