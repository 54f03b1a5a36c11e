/** What waits and runs now, folded from the feed. */
import type { NowDelta, NowSnapshot } from "@jetscribe/schema";
import { withDelta } from "@jetscribe/schema/evolve";
import { computed, signal } from "@preact/signals";
import { followFeed } from "../api/followFeed.ts";
import type { Session } from "../api/session.ts";
import { nowS } from "../parts/clock.ts";
import { openCharts } from "./charts/openCharts.ts";
import { ratesOf, withCounts, type CountsAt } from "./rates.ts";

export type OpenNow = ReturnType<typeof openNow>;

export function openNow(session: Session) {
  const page = signal<NowSnapshot | undefined>(undefined);
  const error = signal<string | undefined>(undefined);
  const counts = signal<readonly CountsAt[]>([]);
  // Frames come only while something happens: the clock brings the rates down.
  const rates = computed(() => ratesOf(counts.value, nowS.value));
  const ending = new AbortController();
  const { signal: ended } = ending;
  const charts = openCharts(session, ended);
  void followFeed(session, new URLSearchParams({ view: "now" }), {
    take({ event, data }) {
      if (event === "snapshot") {
        page.value = data as NowSnapshot;
        charts.begin(page.value.shortest_step);
      }
      if (event !== "delta" || page.value === undefined) return;
      const delta = data as NowDelta;
      page.value = withDelta(page.value, delta);
      if (delta.statistics) charts.take(delta.statistics);
      const at = Date.now() / 1_000;
      counts.value = withCounts(counts.value, { at, counts: delta.counts });
    },
    refused: ({ message }) => {
      error.value = message;
    },
    signal: ended,
  });
  return { page, error, rates, charts, close: () => ending.abort() };
}
