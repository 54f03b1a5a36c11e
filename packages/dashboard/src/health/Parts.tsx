import type { NowSnapshot } from "@jetscribe/schema";
import { count, plural } from "../format.ts";

interface Row {
  name: string;
  isWell: boolean;
  state: string;
  does: string;
}

/** The servers and services, and how each one is. */
export function Parts({ page }: { page: NowSnapshot }) {
  return (
    <section>
      <h2>Parts</h2>
      <div class="scrolls" tabIndex={0} role="region" aria-label="Parts">
        <table>
          <thead>
            <tr>
              <th>Part</th>
              <th>State</th>
              <th class="wide">Does</th>
            </tr>
          </thead>
          <tbody>
            {rowsOf(page).map(({ name, isWell, state, does }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class={isWell ? "completed" : "failed"}>{state}</td>
                <td class="note wide">{does}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function rowsOf({ health, workers, seq }: NowSnapshot): Row[] {
  const { nats, redis, away = [], projections } = health;
  const ready = workers.filter((one) => one.model_loaded && one.live !== false);
  const read = projections.filter(({ name }) => !away.includes(name));
  return [
    {
      ...{ name: "broker", isWell: nats, does: "keeps the log of all tasks" },
      state: nats ? "stores" : "does not store",
    },
    {
      ...{ name: "store", isWell: redis, does: "Redis: what tasks are now" },
      state: redis ? "answers" : "does not answer",
    },
    {
      ...{ name: "workers", isWell: ready.length > 0 },
      state: `${count(ready.length)} of ${count(workers.length)} ready`,
      does: "generate the text",
    },
    ...away.map((name) => ({
      ...{ name, isWell: false, state: "away", does: does[name] ?? "" },
    })),
    ...read.map(({ name, error, caught_up, seq: upTo }) => ({
      name,
      isWell: error === undefined,
      state: error ?? lagOf(caught_up, Math.max(0, seq - upTo)),
      does: does[name] ?? "",
    })),
  ];
}

/** Of a heartbeat, so as of 2 s ago at most. */
const lagOf = (isCaughtUp: boolean, behind: number): string =>
  isCaughtUp ? "has read the whole log" : `is ${plural(behind, "event")} behind`; // prettier-ignore

const does: Record<string, string> = {
  logger: "writes the log files",
  results: "folds the log into the store and the task index",
  webhooks: "posts outcomes to webhooks",
};
