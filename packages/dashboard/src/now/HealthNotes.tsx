import type { NowSnapshot } from "@jetscribe/schema";
import { alertsOf } from "../health/alerts.ts";

/** What is wrong, and what to do about it; nothing where all is well. */
export function HealthNotes({ page }: { page: NowSnapshot }) {
  const alerts = alertsOf(page);
  if (alerts.length === 0) return null;
  return (
    <div role="status">
      <ul class="health-notes">
        {alerts.map(({ what, todo }) => (
          <li key={what}>
            <b>{what}</b> {todo}
          </li>
        ))}
      </ul>
    </div>
  );
}
