import type { NowSnapshot } from "@jetscribe/schema";
import { NowFeed } from "../parts/NowFeed.tsx";
import { alertsOf, type Alert } from "./alerts.ts";
import { Parts } from "./Parts.tsx";
import { Rooms } from "./Rooms.tsx";

/** Whether the system is well; where it isn't, what to do. */
export const HealthPage = () => (
  <NowFeed title="Health">
    {(page) => (
      <>
        <Verdict page={page} alerts={alertsOf(page)} />
        <Parts page={page} />
        <Rooms page={page} />
        <WaitError health={page.health} />
      </>
    )}
  </NowFeed>
);

const verdicts = {
  healthy: ["Healthy", "completed"],
  degraded: ["Degraded", "queued"],
  unhealthy: ["Unhealthy", "failed"],
} as const;

function Verdict({ page, alerts }: { page: NowSnapshot; alerts: Alert[] }) {
  const [word, colour] = verdicts[page.health.status];
  return (
    <section>
      <h2>The system</h2>
      <p class={`verdict ${colour}`} role="status">
        {word}
      </p>
      {alerts.length === 0 ? (
        <p class="note">Nothing is wrong.</p>
      ) : (
        <ul class="alerts" aria-label="Alerts">
          {alerts.map(({ what, todo, heading }) => (
            <li key={what}>
              <b>{what}</b>
              <p>{todo}</p>
              <p class="note">
                More: <code>docs/operations.md#{heading}</code>
              </p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function WaitError({ health: { wait_error } }: Pick<NowSnapshot, "health">) {
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  return (
    <section>
      <h2>Estimated waits</h2>
      <p class="note">
        {wait_error === undefined
          ? "No task whose wait was estimated has started yet."
          : `Of the latest ${wait_error.tasks} tasks, half were estimated within ${percent(wait_error.median)} of their real wait, and nine of ten within ${percent(wait_error.p90)}. A wait under a second counts as one.`}
      </p>
    </section>
  );
}
