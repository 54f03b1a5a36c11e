import type { LostWorker } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import { messageOf, type Call } from "../api/call.ts";
import { isReadOnly } from "../api/link.ts";
import { count, duration } from "../format.ts";
import { ActionTable } from "../parts/ActionTable.tsx";
import { nowS } from "../parts/clock.ts";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { Time } from "../parts/Time.tsx";

interface Props {
  lost: readonly LostWorker[];
  call: Call;
}

/** Workers that fell silent without a goodbye, until somebody dismisses them for everybody. */
export function LostWorkers({ lost, call }: Props) {
  const error = useSignal<string | undefined>(undefined);
  /** The next frame leaves them out too. */
  const dismissed = useSignal<ReadonlySet<string>>(new Set());
  const shown = lost.filter((one) => !dismissed.value.has(one.worker_id));
  async function dismiss(workers: readonly LostWorker[]): Promise<void> {
    error.value = undefined;
    try {
      for (const { worker_id } of workers) {
        await call(`/workers/${encodeURIComponent(worker_id)}`, { method: "DELETE" }); // prettier-ignore
        dismissed.value = new Set([...dismissed.value, worker_id]);
      }
    } catch (problem) {
      error.value = messageOf(problem);
    }
  }
  return (
    <section>
      <h2>
        Lost workers
        <span class="note">
          fell silent without a goodbye: they crashed, or their machine did
        </span>
        <span class="space" />
        {shown.length > 1 && !isReadOnly.value && (
          <button type="button" onClick={() => void dismiss(shown)}>
            Dismiss all
          </button>
        )}
      </h2>
      {error.value && <ErrorNote text={error.value} />}
      {shown.length === 0 ? (
        <p class="note">None.</p>
      ) : (
        <LostTable shown={shown} dismiss={dismiss} />
      )}
    </section>
  );
}

const columns = [
  ...[
    { title: "Worker" },
    { title: "Model" },
    { title: "Engine", class: "wide" },
  ],
  { title: "Last heartbeat" },
  { title: "Ran for", class: "num wide" },
  { title: "Engine restarts", class: "num wide" },
];

function LostTable({
  shown,
  dismiss,
}: {
  shown: readonly LostWorker[];
  dismiss: (workers: readonly LostWorker[]) => Promise<void>;
}) {
  return (
    <ActionTable
      label="Lost workers"
      columns={columns}
      action={isReadOnly.value ? undefined : "Dismiss"}
    >
      {shown.map((one) => (
        <tr key={one.worker_id}>
          <th scope="row" class="mono">
            {one.worker_id}
          </th>
          <td>{one.model}</td>
          <td class="wide">
            {[one.engine, one.device].filter(Boolean).join(", ")}
          </td>
          <td>
            <Time s={one.last_heard_at} />{" "}
            <small>{duration(nowS.value - one.last_heard_at)} ago</small>
          </td>
          <td class="num wide">
            {one.started_at === undefined
              ? "–"
              : duration(one.last_heard_at - one.started_at)}
          </td>
          <td class="num wide">{count(one.engine_restarts ?? 0)}</td>
          {!isReadOnly.value && (
            <td class="num">
              <button
                type="button"
                aria-label={`Dismiss ${one.worker_id}`}
                onClick={() => void dismiss([one])}
              >
                Dismiss
              </button>
            </td>
          )}
        </tr>
      ))}
    </ActionTable>
  );
}
