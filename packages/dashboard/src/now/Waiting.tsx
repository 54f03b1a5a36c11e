import type { NowRow } from "@jetscribe/schema";
import { count } from "../format.ts";

/** As the charts count it: the tasks for later too. */
export const waitingIn = ({ queued, later = 0 }: NowRow): number =>
  queued + later;

/** How many tasks wait, and how many of them for a later time. */
export function Waiting({ rows }: { rows: readonly NowRow[] }) {
  const waiting = rows.reduce((sum, row) => sum + waitingIn(row), 0);
  const later = rows.reduce((sum, row) => sum + (row.later ?? 0), 0);
  return (
    <>
      {count(waiting)}
      {later > 0 && (
        <span class="note" title="They wait for their not_before">
          {` ${count(later)} for later`}
        </span>
      )}
    </>
  );
}
