import type { NowFailure } from "@jetscribe/schema";
import { count } from "../format.ts";
import { Time } from "../parts/Time.tsx";
import { hrefOf, taskHref } from "../route.ts";

export function Failures({ failures }: { failures: readonly NowFailure[] }) {
  return (
    <section>
      <h2>
        Failures <span class="note">of the last hour, the latest 100</span>
      </h2>
      {failures.length === 0 ? (
        <p class="note">None.</p>
      ) : (
        <div class="scrolls" tabIndex={0} role="region" aria-label="Failures">
          <table>
            <thead>
              <tr>
                <th>Type</th>
                <th>Model</th>
                <th class="num">Tasks</th>
                <th>Last</th>
                <th>Task</th>
              </tr>
            </thead>
            <tbody>
              {failures.map((one) => (
                <tr key={`${one.error_type} ${one.model}`}>
                  <th scope="row">
                    <a href={failuresOf(one)}>{one.error_type ?? "not told"}</a>
                  </th>
                  <td>{one.model}</td>
                  <td class="num">{count(one.count)}</td>
                  <td>
                    <Time s={one.last_at} />
                  </td>
                  <td>
                    <a
                      class="mono"
                      href={taskHref(one.last_task_id, one.last_owner)}
                    >
                      …{one.last_task_id.slice(-12)}
                    </a>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function failuresOf({ error_type, last_owner }: NowFailure): string {
  const query = new URLSearchParams({ status: "failed" });
  const words = [
    ...(last_owner === undefined ? [] : ["owner:*"]),
    ...(error_type === undefined ? [] : [`error:${error_type}`]),
  ];
  if (words.length > 0) query.set("q", words.join(" "));
  return hrefOf("tasks", { query });
}
