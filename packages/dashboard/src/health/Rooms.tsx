import type { NowSnapshot } from "@jetscribe/schema";
import { bytes } from "../format.ts";
import { isLow } from "./alerts.ts";

interface Row {
  name: string;
  used: number;
  total: number;
  isTooFull: boolean;
  whenFull: string;
}

/** How full the streams and the disks are. */
export function Rooms({ page }: { page: NowSnapshot }) {
  return (
    <section>
      <h2>
        Room
        <span class="note">the broker tells nothing of its own disk</span>
      </h2>
      <div class="scrolls" tabIndex={0} role="region" aria-label="Room">
        <table>
          <thead>
            <tr>
              <th>Of</th>
              <th class="num">Used</th>
              <th class="num">Has</th>
              <th class="room">
                <span class="hidden">Share</span>
              </th>
              <th class="wide">When it is full</th>
            </tr>
          </thead>
          <tbody>
            {rowsOf(page).map((row) => (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                <td class="num">{bytes(row.used)}</td>
                <td class="num">{bytes(row.total)}</td>
                <td class="room">
                  <span aria-hidden="true">
                    <i
                      class={row.isTooFull ? "low" : ""}
                      style={{ width: `${(100 * row.used) / row.total}%` }}
                    />
                  </span>
                </td>
                <td class="note wide">{row.whenFull}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** A stream that refuses is too full from here on. */
const fullShare = 0.95;

function rowsOf({ streams, health: { projections } }: NowSnapshot): Row[] {
  return [
    ...streams
      .filter(({ max_bytes }) => max_bytes > 0)
      .map(({ name, bytes: used, max_bytes: total, refuses }) => ({
        ...{ name: `stream ${name}`, used, total },
        isTooFull: refuses && used >= fullShare * total,
        whenFull: refuses ? "refuses more" : "drops its oldest",
      })),
    ...projections.flatMap(({ name, disk }) =>
      disk === undefined
        ? []
        : {
            ...{ name: `disk of ${name}`, total: disk.total },
            used: disk.total - disk.free,
            isTooFull: isLow(disk),
            whenFull:
              name === "logger"
                ? "the log files stand still"
                : "the task index stands still",
          },
    ),
  ];
}
