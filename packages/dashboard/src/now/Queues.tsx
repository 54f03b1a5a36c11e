import type { HealthResponse, NowRow } from "@jetscribe/schema";
import { count, duration } from "../format.ts";
import { pageTimeS } from "../past/openPast.ts";
import { hrefOf } from "../route.ts";
import { Waiting, waitingIn } from "./Waiting.tsx";

/** What waits and runs by model and lane; an estimate only where there is one. */
export function Queues({
  rows,
  waitError,
}: {
  rows: readonly NowRow[];
  waitError?: HealthResponse["wait_error"];
}) {
  const deepest = Math.max(1, ...rows.map(waitingIn));
  return (
    <section>
      <h2>
        Queues
        {waitError && (
          <span class="note">
            half of the latest {count(waitError.tasks)} estimated waits were
            within {Math.round(100 * waitError.median)} % of the real ones
          </span>
        )}
      </h2>
      {rows.length === 0 ? (
        <p class="note">Nothing waits, and nothing runs.</p>
      ) : (
        <div class="scrolls" tabIndex={0} role="region" aria-label="Queues">
          <table>
            <thead>
              <tr>
                <th>Model</th>
                <th>Lane</th>
                <th class="num">Waiting</th>
                <th class="depth">
                  <span class="hidden">Depth</span>
                </th>
                <th class="num">Oldest</th>
                <th class="num">A new one waits</th>
                <th class="num">Running</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={`${row.lane} ${row.model}`}>
                  <th scope="row">
                    <a href={tasksOf(row.model, row.lane)}>{row.model}</a>
                  </th>
                  <td>{row.lane}</td>
                  <td class="num">
                    <Waiting rows={[row]} />
                  </td>
                  <td class="depth">
                    <i
                      aria-hidden="true"
                      style={{ width: `${(100 * waitingIn(row)) / deepest}%` }}
                    />
                  </td>
                  <td class="num">
                    {row.oldest_at === undefined
                      ? "–"
                      : duration(Math.max(0, pageTimeS.value - row.oldest_at))}
                  </td>
                  <td class="num">
                    {row.eta === undefined ? "–" : duration(row.eta)}
                  </td>
                  <td class="num">{count(row.running)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function tasksOf(model: string, lane: string): string {
  const name = /\s/.test(model) ? `"${model}"` : model;
  const q = `model:${name} lane:${lane}`;
  const query = new URLSearchParams({ status: "queued,processing", q });
  return hrefOf("tasks", { query });
}
