/** One chart, drawn by uPlot: lines over time. All charts of a page point at the same time. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { timeOfDay } from "../../format.ts";
import { theme } from "../../theme.ts";
import { optionsOf, valuesOf } from "./chartOptions.ts";
import { said, type ChartData, type Line } from "./points.ts";

/** The point under the pointer, counted from the oldest; undefined: the latest is told. */
const pointed = signal<number | undefined>(undefined);

export function Chart({ data }: { data: ChartData }) {
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<uPlot | undefined>(undefined);
  const labels = data.lines.map(({ label }) => label).join();
  useEffect(() => {
    const target = place.current;
    if (target === null) return;
    const onPoint = (index: number | undefined) => (pointed.value = index);
    const options = optionsOf(data, target, onPoint);
    const plot = new uPlot(options, valuesOf(data), target);
    drawn.current = plot;
    const fit = new ResizeObserver(() => {
      const { clientWidth: width } = target;
      if (width !== plot.width) plot.setSize({ width, height: plot.height });
    });
    fit.observe(target);
    return () => {
      fit.disconnect();
      plot.destroy();
    };
    // Colours and names are read when it is made.
  }, [labels, data.unit, theme.value]);
  useEffect(() => drawn.current?.setData(valuesOf(data)), [data]);
  // A page that is left with a key takes its charts from under the pointer.
  useEffect(() => () => void (pointed.value = undefined), []);
  return (
    <figure class="chart">
      <figcaption>
        {data.title}
        <span class="note">{timeAt(data, pointed.value)}</span>
      </figcaption>
      <ul>
        {data.lines.map((line) => (
          <li key={line.label}>
            <i style={{ background: `var(${line.colour})` }} />
            {line.label} <b>{said(valueAt(line, pointed.value), data.unit)}</b>
          </li>
        ))}
      </ul>
      <div ref={place} class="plot" aria-hidden="true" />
    </figure>
  );
}

/** Where nothing is pointed at, the latest value that there is. */
const valueAt = ({ values }: Line, index: number | undefined) =>
  index === undefined
    ? values.findLast((value) => value !== null)
    : values[index];

function timeAt({ times }: ChartData, index: number | undefined): string {
  const time = index === undefined ? undefined : times[index];
  return time === undefined ? "" : timeOfDay(time);
}
