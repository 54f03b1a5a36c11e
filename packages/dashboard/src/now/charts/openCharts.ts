/** The numbers of the charts: read once for a range, and from then on as the feed tells them. */
import type { NowStatistics, StatisticsResponse } from "@jetscribe/schema";
import { computed, signal } from "@preact/signals";
import { messageOf } from "../../api/call.ts";
import type { Session } from "../../api/session.ts";
import { nowS } from "../../parts/clock.ts";
import {
  chartsOf,
  pointsOf,
  ranges,
  withRows,
  type RangeName,
  type Rows,
} from "./points.ts";

export type OpenCharts = ReturnType<typeof openCharts>;

/** A read that failed is repeated so much later, in ms. */
const againAfterMs = 3_000;

/** `thenS`: the time of a moment of the past, in seconds since the epoch, up to which all is shown; absent: live. */
export function openCharts(
  { call }: Session,
  signalOfEnd: AbortSignal,
  thenS?: number,
) {
  const range = signal<RangeName>("15 min");
  const rows = signal<Rows>(new Map());
  const error = signal<string | undefined>(undefined);
  const shortestStep = signal<number | undefined>(undefined);
  /** The ranges that are whole since the last snapshot. */
  const whole = signal<ReadonlySet<RangeName>>(new Set());
  let reading = new AbortController();
  /** Somebody looks at the charts: pages that have none read nothing. */
  let isOpen = false;

  const shown = computed(() => {
    const { seconds, step } = ranges[range.value];
    return { seconds, step: Math.max(step, shortestStep.value ?? step) };
  });

  /** Of a moment of the past the steps that had ended. */
  const until = computed(() => {
    const { step } = shown.value;
    return thenS === undefined ? nowS.value : Math.floor(thenS / step) * step;
  });

  const take = (news: NowStatistics) =>
    void (rows.value = withRows(rows.value, news, until.value));

  /** All rows of a range, from as many answers as it takes. */
  async function readRange(abort: AbortSignal): Promise<void> {
    const { seconds, step } = shown.value;
    const name = range.value;
    const end = until.peek();
    const from = Math.floor(end / step) * step - seconds;
    const to = thenS === undefined ? "" : `&to=${end}`;
    let path: string | undefined = `/statistics?from=${from}&step=${step}${to}`;
    while (path !== undefined) {
      const answer: StatisticsResponse = await call<StatisticsResponse>(path, {
        signal: abort,
      });
      const { seq, rows } = answer;
      take({ seq, steps: [{ step, rows }] });
      path = answer.next && `/statistics${new URL(answer.next, "http://any").search}`; // prettier-ignore
    }
    whole.value = new Set([...whole.value, name]);
    error.value = undefined;
  }

  function read(): void {
    reading.abort();
    reading = new AbortController();
    const canRead = isOpen && shortestStep.value !== undefined;
    if (!canRead || whole.value.has(range.value)) return;
    const abort = AbortSignal.any([reading.signal, signalOfEnd]);
    readRange(abort).catch((reason: unknown) => {
      if (abort.aborted) return;
      error.value = messageOf(reason);
      setTimeout(() => !abort.aborted && read(), againAfterMs);
    });
  }

  const points = computed(() => {
    const ofStep = rows.value.get(shown.value.step) ?? new Map<number, never>();
    return pointsOf(ofStep, shown.value, until.value);
  });
  /** Of a key that gets its own tasks alone there are no durations. */
  const withWaits = computed(() => points.value.some(({ row }) => row?.total));

  return {
    range,
    error,
    points,
    withWaits,
    isWhole: computed(() => whole.value.has(range.value)),
    charts: computed(() =>
      chartsOf(points.value, shown.value.step, withWaits.value),
    ),
    open(): void {
      isOpen = true;
      read();
    },
    show(name: RangeName): void {
      range.value = name;
      read();
    },
    /** The feed begins, or begins again: what was missed is read. */
    begin(shortest: number): void {
      shortestStep.value = shortest;
      whole.value = new Set();
      read();
    },
    take,
  };
}
