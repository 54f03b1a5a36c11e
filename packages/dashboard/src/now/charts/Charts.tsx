import { useEffect } from "preact/hooks";
import { Chart } from "./Chart.tsx";
import { Numbers } from "./Numbers.tsx";
import type { OpenCharts } from "./openCharts.ts";
import { rangeNames } from "./points.ts";

/** What happened lately: charts that begin full and go on with the feed. */
export function Charts({ charts }: { charts: OpenCharts }) {
  const { range, error, isWhole } = charts;
  useEffect(() => charts.open(), [charts]);
  const all = charts.charts.value;
  const hasFailed = all.at(-1)?.lines.length !== 0;
  return (
    <section aria-label="Charts" aria-busy={!isWhole.value}>
      <h2>
        Lately
        <span class="space" />
        <span class="ranges" role="group" aria-label="How far back">
          {rangeNames.map((name) => (
            <button
              key={name}
              type="button"
              class="quiet"
              aria-pressed={range.value === name}
              onClick={() => charts.show(name)}
            >
              {name}
            </button>
          ))}
        </span>
      </h2>
      {error.value && (
        <p class="note" role="status">
          The charts can't be read: {error.value} They are tried again.
        </p>
      )}
      <div class="charts">
        {all
          .filter(({ lines }) => lines.length > 0)
          .map((data) => (
            <Chart key={data.title} data={data} />
          ))}
      </div>
      {!hasFailed && isWhole.value && (
        <p class="note">No task failed in this time.</p>
      )}
      <Numbers
        points={charts.points.value}
        withWaits={charts.withWaits.value}
      />
    </section>
  );
}
