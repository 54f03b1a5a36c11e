import { useSignal } from "@preact/signals";
import { count, duration, timeOfDay } from "../../format.ts";
import type { Point } from "./points.ts";

const columns = [
  ...["Until", "Accepted", "Completed", "Failed", "Cancelled"],
  ...["Tokens read", "Tokens written", "Waiting", "Running"],
];
const waits = ["Wait, half within", "Wait, 95 % within"];

/** The same numbers as a table, the newest first: steps in which something happened. */
export function Numbers({
  points,
  withWaits,
}: {
  points: readonly Point[];
  withWaits: boolean;
}) {
  const open = useSignal(false);
  return (
    <details
      class="chart-numbers"
      onToggle={(event) => (open.value = event.currentTarget.open)}
    >
      <summary>As a table</summary>
      {open.value && (
        <div class="scrolls" tabIndex={0} role="region" aria-label="Numbers">
          <table>
            <thead>
              <tr>
                {[...columns, ...(withWaits ? waits : [])].map((name) => (
                  <th key={name} class="num">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points
                .filter(({ row }) => row !== undefined)
                .reverse()
                .map((point) => (
                  <Row key={point.row?.time} {...{ point, withWaits }} />
                ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

function Row({ point, withWaits }: { point: Point; withWaits: boolean }) {
  const { at, row, waiting, running } = point;
  if (row === undefined) return null;
  const { wait } = row;
  const numbers = [
    ...[row.accepted, row.completed, row.failed, row.cancelled],
    ...[row.prompt_tokens, row.completion_tokens, waiting, running],
  ].map(count);
  const both = [wait?.p50, wait?.p95].map((s) =>
    s === undefined ? "–" : duration(s),
  );
  return (
    <tr data-time={row.time}>
      <th scope="row" class="num">
        {timeOfDay(at)}
      </th>
      {[...numbers, ...(withWaits ? both : [])].map((text, i) => (
        <td key={columns[i + 1]} class="num">
          {text}
        </td>
      ))}
    </tr>
  );
}
