/** How a chart looks to uPlot. */
import type uPlot from "uplot";
import { said, type ChartData } from "./points.ts";

const height = 120;
/** Charts with one key point at the same time. */
const syncKey = "now";

export function optionsOf(
  { lines, unit }: ChartData,
  target: HTMLElement,
  onPoint: (index: number | undefined) => void,
): uPlot.Options {
  const style = getComputedStyle(target);
  const colour = (name: string) => style.getPropertyValue(name);
  const axis: uPlot.Axis = {
    stroke: style.color,
    font: `11px ${style.fontFamily}`,
    grid: { stroke: colour("--chart-grid"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: target.clientWidth,
    height,
    padding: [6, 6, 0, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: syncKey }, drag: { x: false, y: false } },
    scales: { y: { range: (_, _min, max) => [0, roof(max, unit)] } },
    series: [
      {},
      ...lines.map(({ colour: name, label }) => ({
        label,
        stroke: colour(name),
        width: 1.5,
        // A single step between others without a task would not be seen as a line.
        points: { show: unit === "seconds", size: 4 },
        spanGaps: unit === "seconds",
      })),
    ],
    axes: [
      { ...axis, size: 22, space: 70, values: timesOf },
      {
        ...axis,
        ...{ size: 58, space: 28 },
        values: (_, at) => at.map((value) => said(value, unit)),
      },
    ],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? undefined)] },
  };
}

/** A little above the highest value; of counted things at least one. */
const roof = (max: number | null, unit: ChartData["unit"]): number => {
  const least = unit === "tasks" ? 1 : unit === "/s" ? 0.1 : 0.01;
  return Math.max(least, (max ?? 0) * 1.1);
};

const two = (n: number): string => String(n).padStart(2, "0");

/** Local times, to the minute. */
const timesOf = (_: uPlot, at: number[]): string[] =>
  at.map((s) => {
    const date = new Date(s * 1_000);
    return `${two(date.getHours())}:${two(date.getMinutes())}`;
  });

export const valuesOf = ({ times, lines }: ChartData): uPlot.AlignedData => [
  times,
  ...lines.map(({ values }) => values),
];
