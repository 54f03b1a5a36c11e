import type { HealthResponse } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { gatewayUrl } from "../api/gatewayUrl.ts";
import type { Session } from "../api/session.ts";
import { duration, plural, timeOfDay } from "../format.ts";
import { pageTimeS } from "../past/openPast.ts";
import type { OpenTask } from "./openTask.ts";

/** Why a task that waits does: its place, or what is missing. */
export function WhyWaiting({ task }: { task: OpenTask; session: Session }) {
  const waits = task.page.value?.status === "queued";
  const health = useSignal<HealthResponse | undefined>(undefined);
  useEffect(() => {
    if (!waits) return;
    // It answers 503 with the same body where something is missing.
    fetch(`${gatewayUrl}/health`)
      .then((answer) => answer.json())
      .then((body) => (health.value = body as HealthResponse))
      .catch(() => undefined);
  }, [waits]);
  if (!waits) return null;
  const { queue_position, estimated_wait } = task.place.value ?? {};
  const { model, not_before } = task.request.value?.data ?? {};
  const isForLater = not_before !== undefined && not_before > pageTimeS.value;
  const workers = health.value?.workers?.filter(
    (worker) => worker.model === model,
  );
  const ready = workers?.filter(({ model_loaded }) => model_loaded);
  const last = task.page.value?.events.at(-1);
  return (
    <div class="why" role="status">
      <b>Why it waits</b>
      <ul>
        {isForLater && (
          <li>It is not to start before {timeOfDay(not_before)}.</li>
        )}
        {last?.type === "GenerateRetried" && (
          <li>
            Attempt {last.data.attempt} ended ({last.data.reason}); another one
            follows.
          </li>
        )}
        {workers?.length === 0 && (
          <li>No worker of the model {model} is heard: it waits for one.</li>
        )}
        {workers && workers.length > 0 && ready?.length === 0 && (
          <li>
            No worker of the model {model} has it loaded:{" "}
            {workers[0]?.error?.message ?? "they are loading it"}.
          </li>
        )}
        {typeof queue_position === "number" && (
          <li>
            {queue_position <= 1
              ? "It is the next one to start."
              : `${plural(queue_position - 1, "task")} start${queue_position === 2 ? "s" : ""} before it, if all owners take turns.`}
          </li>
        )}
        {!isForLater && ready && ready.length > 0 && (
          <li>
            {plural(ready.length, "worker")} of its model, with{" "}
            {plural(sumOf(ready, "slots"), "slot")}, of which{" "}
            {sumOf(ready, "busy")} are in use.
          </li>
        )}
        {typeof estimated_wait === "number" && (
          <li>It should start in about {duration(estimated_wait)}.</li>
        )}
      </ul>
    </div>
  );
}

type Worker = HealthResponse["workers"][number];
const sumOf = (workers: readonly Worker[], field: "slots" | "busy"): number =>
  workers.reduce((sum, worker) => sum + worker[field], 0);
