import type { NowSnapshot } from "@jetscribe/schema";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { session, type Session } from "../api/session.ts";
import { count } from "../format.ts";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { at } from "../past/moment.ts";
import { Charts } from "./charts/Charts.tsx";
import { Failures } from "./Failures.tsx";
import { HealthNotes } from "./HealthNotes.tsx";
import { openNow, type OpenNow } from "./openNow.ts";
import { PastNow } from "./PastNow.tsx";
import { Queues } from "./Queues.tsx";
import { Waiting } from "./Waiting.tsx";
import { Workers } from "./Workers.tsx";

export function NowPage() {
  const { value } = session;
  if (value === undefined) return null;
  return at.value === undefined ? <Now session={value} /> : <PastNow />;
}

function Now({ session }: { session: Session }) {
  const now = useMemo(() => openNow(session), [session]);
  useEffect(() => now.close, [now]);
  const { value: page } = now.page;
  return (
    <section class="sheet" aria-label="Now" aria-busy={page === undefined}>
      <h1 class="hidden">Now</h1>
      {now.error.value && <ErrorNote text={now.error.value} />}
      {page && (
        <>
          <HealthNotes page={page} />
          <Totals page={page} now={now} />
          <Queues rows={page.rows} waitError={page.health.wait_error} />
          <Charts charts={now.charts} />
          <Workers workers={page.workers} />
          <Failures failures={page.failures} />
        </>
      )}
    </section>
  );
}

function Totals({ page, now }: { page: NowSnapshot; now: OpenNow }) {
  const { rows, workers } = page;
  const sum = (numbers: readonly number[]) =>
    numbers.reduce((all, n) => all + n, 0);
  const slots = sum(workers.map((worker) => worker.slots));
  const used = sum(workers.map((worker) => worker.running.length));
  const rates = now.rates.value;
  const totals: [string, ComponentChildren][] = [
    ["Waiting", <Waiting rows={rows} />],
    ["Running", count(sum(rows.map(({ running }) => running)))],
    ["Slots in use", `${count(used)} of ${count(slots)}`],
    [
      "Tokens/s",
      count(Math.round(sum(workers.map((one) => one.tokens_per_second)))),
    ],
    ["Accepted/s", rates.requested.toFixed(1)],
    ["Ended/s", (rates.completed + rates.failed + rates.cancelled).toFixed(1)],
  ];
  return (
    <dl class="totals">
      {totals.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
