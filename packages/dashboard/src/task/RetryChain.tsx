import type { HistoryResponse } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Session } from "../api/session.ts";
import { Status } from "../parts/Status.tsx";
import { hrefOf } from "../route.ts";
import type { TaskStatusName } from "../taskStatus.ts";
import { eventOf, type OpenTask } from "./openTask.ts";

/** A longer chain is shown from its end. */
const longest = 10;

interface Link {
  id: string;
  status?: TaskStatusName;
}

/** The tasks that this one repeats, the first one first. */
export function RetryChain({
  task,
  session: { call },
}: {
  task: OpenTask;
  session: Session;
}) {
  const of = task.request.value?.data.retry_of;
  const chain = useSignal<readonly Link[]>([]);
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    async function read(): Promise<void> {
      for (let id = of; id && chain.value.length < longest;) {
        const { status, request } = await call<HistoryResponse>(
          `/tasks/${id}/events?texts=false`,
          { signal },
        ).then(
          (history) => ({
            status: history.status,
            request: eventOf(history, "GenerateRequested"),
          }),
          // The log may have dropped it: its id is known all the same.
          () => ({ status: undefined, request: undefined }),
        );
        if (signal.aborted) return;
        chain.value = [{ id, ...(status && { status }) }, ...chain.value];
        id = request?.data.retry_of;
      }
    }
    chain.value = [];
    void read();
    return () => ending.abort();
  }, [of]);
  if (of === undefined) return null;
  return (
    <p class="chain">
      Retry of{" "}
      {chain.value.map(({ id, status }) => (
        <span key={id}>
          <a class="mono" href={hrefOf("tasks", { id })} title={id}>
            …{id.slice(-12)}
          </a>{" "}
          {status && <Status status={status} />}
          <span aria-hidden="true"> → </span>
        </span>
      ))}
      this one
    </p>
  );
}
