/** What the charts show: rows of the statistics, by step and time, and the numbers of each chart's lines. Pure. */
import type { NowStatistics, StatisticsRow } from "@jetscribe/schema";
import { count, duration } from "../../format.ts";

/** How far back, and in which steps, in seconds; of a key that has no such short steps in its shortest. */
export const ranges = {
  "15 min": { seconds: 900, step: 10 },
  "1 h": { seconds: 3_600, step: 60 },
  "24 h": { seconds: 86_400, step: 300 },
} as const;
export type RangeName = keyof typeof ranges;
export const rangeNames = Object.keys(ranges) as RangeName[];

interface Kept {
  /** The row counts the events up to this one. */
  seq: number;
  row: StatisticsRow;
}

/** By step and time. */
export type Rows = ReadonlyMap<number, ReadonlyMap<number, Kept>>;

/** Takes rows in, each where it is newer than the one that is there. Rows that no chart shows any more go. */
export function withRows(
  all: Rows,
  { seq, steps }: NowStatistics,
  nowS: number,
): Rows {
  const next = new Map(all);
  for (const { step, rows } of steps) {
    const ofStep = new Map(next.get(step));
    for (const row of rows)
      if ((ofStep.get(row.time)?.seq ?? 0) <= seq)
        ofStep.set(row.time, { seq, row });
    next.set(step, shownOf(ofStep, nowS - longestOf(step)));
  }
  return next;
}

/** Those of a time or later, and the one before them: it says what waited then. */
function shownOf(
  ofStep: ReadonlyMap<number, Kept>,
  since: number,
): Map<number, Kept> {
  const last = lastBefore(ofStep, since)?.time ?? since;
  return new Map([...ofStep].filter(([time]) => time >= last));
}

/** How far back rows of a step are shown, in seconds. */
const longestOf = (step: number): number =>
  Math.max(
    ...Object.values(ranges).map((range) =>
      range.step <= step ? range.seconds : 0,
    ),
  );

export interface Point {
  /** The end of its step, or now, in seconds since the epoch. */
  at: number;
  /** How much of the step is over, in seconds. */
  seconds: number;
  /** Undefined: nothing happened in the step. */
  row: StatisticsRow | undefined;
  waiting: number;
  running: number;
}

/** A point for each step of a range that began before a time (in seconds since the epoch), the oldest first. */
export function pointsOf(
  ofStep: ReadonlyMap<number, Kept>,
  { seconds, step }: { seconds: number; step: number },
  until: number,
): Point[] {
  const first = Math.floor(until / step) * step - seconds;
  let { waiting = 0, running = 0 } = lastBefore(ofStep, first) ?? {};
  const points: Point[] = [];
  for (let time = first; time < until; time += step) {
    const row = ofStep.get(time)?.row;
    if (row !== undefined) ({ waiting, running } = row);
    const at = Math.min(time + step, until);
    points.push({ at, seconds: at - time, row, waiting, running });
  }
  return points;
}

function lastBefore(
  ofStep: ReadonlyMap<number, Kept>,
  time: number,
): StatisticsRow | undefined {
  const earlier = [...ofStep.values()].filter(({ row }) => row.time < time);
  return earlier.reduce<StatisticsRow | undefined>(
    (last, { row }) => (row.time > (last?.time ?? -1) ? row : last),
    undefined,
  );
}

/** A step that has just begun says nothing yet: the share of it that has to be over. */
const leastShare = 0.25;

/** By second. Null: it is too early to say. */
export function rateOf(
  { seconds, row }: Point,
  step: number,
  of: (row: StatisticsRow) => number,
): number | null {
  if (seconds < leastShare * step) return null;
  return row === undefined ? 0 : of(row) / seconds;
}

export interface Line {
  label: string;
  /** A colour of the page's style. */
  colour: string;
  /** Null: there is nothing to show. */
  values: (number | null)[];
}

export interface ChartData {
  title: string;
  /** How a value is said. */
  unit: "/s" | "tasks" | "seconds";
  /** In seconds since the epoch. */
  times: number[];
  lines: Line[];
}

/** A value as people read it. */
export function said(
  value: number | null | undefined,
  unit: ChartData["unit"],
): string {
  if (value === null || value === undefined) return "–";
  if (unit === "seconds") return duration(value);
  if (unit === "tasks") return count(value);
  const digits = value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${count(Number(value.toFixed(digits)))}/s`;
}

/** The charts of a range. `withWaits`: durations are there for the key. */
export function chartsOf(
  points: readonly Point[],
  step: number,
  withWaits: boolean,
): ChartData[] {
  const times = points.map(({ at }) => at);
  const rate = (of: (row: StatisticsRow) => number) =>
    points.map((point) => rateOf(point, step, of));
  const line = (label: string, colour: string, values: Line["values"]) => ({
    ...{ label, colour, values },
  });
  const wait = (q: "p50" | "p95") =>
    points.map(({ row }) => row?.wait?.[q] ?? null);
  return [
    {
      ...{ title: "Tasks ended", unit: "/s", times },
      lines: [
        line(
          "completed",
          "--completed",
          rate((row) => row.completed),
        ),
        line(
          "failed",
          "--failed",
          rate((row) => row.failed),
        ),
        line(
          "cancelled",
          "--cancelled",
          rate((row) => row.cancelled),
        ),
      ],
    },
    {
      ...{ title: "Tokens of tasks that ended", unit: "/s", times },
      lines: [
        line("written", "--bar-generation", rate((row) => row.completion_tokens)), // prettier-ignore
        line(
          "read",
          "--bar-prompt",
          rate((row) => row.prompt_tokens),
        ),
      ],
    },
    {
      ...{ title: "Waiting and running", unit: "tasks", times },
      lines: [
        line("waiting", "--bar-queue", points.map(({ waiting }) => waiting)), // prettier-ignore
        line("running", "--processing", points.map(({ running }) => running)), // prettier-ignore
      ],
    },
    ...(withWaits
      ? [
          {
            ...{ title: "Wait until the start", unit: "seconds", times } as const, // prettier-ignore
            lines: [
              line("half within", "--processing", wait("p50")),
              line("95 % within", "--queued", wait("p95")),
            ],
          },
        ]
      : []),
    {
      ...{ title: "Failures by type", unit: "tasks", times },
      lines: failureLines(points),
    },
  ];
}

const failureColours = [
  ...["--failed", "--queued", "--bar-prompt"],
  ...["--processing", "--completed", "--cancelled"],
] as const;

/** A line for each type that there was. */
function failureLines(points: readonly Point[]): Line[] {
  const types = new Set(
    points.flatMap(({ row }) => Object.keys(row?.failures ?? {})),
  );
  return [...types].sort().map((label, i) => ({
    label,
    colour: failureColours[i % failureColours.length] ?? "--failed",
    values: points.map(
      ({ row }) =>
        (row?.failures as Record<string, number> | undefined)?.[label] ?? 0,
    ),
  }));
}
