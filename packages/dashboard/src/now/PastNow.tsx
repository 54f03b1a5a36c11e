import { count } from "../format.ts";
import { moment } from "../past/openPast.ts";
import { PastCharts } from "./charts/PastCharts.tsx";
import { Failures } from "./Failures.tsx";
import { Queues } from "./Queues.tsx";
import { Waiting } from "./Waiting.tsx";

/** What events say of a moment of the past; the rest of the page is known of the present only. */
export function PastNow() {
  const { value: then } = moment;
  const sum = (numbers: readonly number[] = []) =>
    count(numbers.reduce((all, n) => all + n, 0));
  return (
    <section class="sheet" aria-label="Now" aria-busy={then === undefined}>
      <h1 class="hidden">Now, at a moment of the past</h1>
      {then && (
        <>
          <dl class="totals">
            <div>
              <dt>Waiting</dt>
              <dd>
                <Waiting rows={then.rows} />
              </dd>
            </div>
            <div>
              <dt>Running</dt>
              <dd>{sum(then.rows.map(({ running }) => running))}</dd>
            </div>
          </dl>
          <Queues rows={then.rows} />
          <PastCharts thenS={then.time} />
          <section>
            <h2>Workers</h2>
            <p class="note">
              Live only: workers, slots and rates come from heartbeats, which
              are no events.
            </p>
          </section>
          <Failures failures={then.failures} />
        </>
      )}
    </section>
  );
}
