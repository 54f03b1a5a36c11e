import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { isReadOnly } from "../api/link.ts";
import { session, type Session } from "../api/session.ts";
import { count, plural } from "../format.ts";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { momentIn } from "../past/moment.ts";
import { route } from "../route.ts";
import { TaskStatuses, type TaskStatusName } from "../taskStatus.ts";
import { BulkDialog } from "./BulkDialog.tsx";
import { bulkBody, type BulkAct } from "./bulk.ts";
import { hasOwnPart, readFilter, type Filter } from "./filter.ts";
import { goWith } from "./goWith.ts";
import { SearchBox } from "./SearchBox.tsx";
import { makeTaskList, type TaskList } from "./taskList.ts";
import { ViewsDialog } from "./ViewsDialog.tsx";
import { TaskTable } from "./TaskTable.tsx";

export function TasksPage() {
  const { value } = session;
  return value && <Tasks session={value} />;
}

function Tasks({ session }: { session: Session }) {
  const { call } = session;
  const asked = useComputed(() => route.value.query.toString()).value;
  const reads = useSignal(0);
  const list = useMemo(() => {
    const query = new URLSearchParams(asked);
    const filter = readFilter(query.get("q") ?? "", query.get("status") ?? "");
    return makeTaskList(session, filter, momentIn(query.get("at")));
  }, [session, asked, reads.value]);
  useEffect(() => {
    return () => list.close();
  }, [list]);
  const picksView = useSignal(false);
  const act = useSignal<BulkAct | undefined>(undefined);
  const again = () => {
    reads.value++;
  };
  return (
    <section class="tasks" aria-label="Tasks">
      <h1 class="hidden">Tasks</h1>
      <div class="tools">
        <StatusPicker picked={list.filter.status} />
        <SearchBox />
        <button type="button" onClick={() => (picksView.value = true)}>
          Views…
        </button>
        {!isReadOnly.value && (
          <BulkButtons list={list} onPick={(picked) => (act.value = picked)} />
        )}
      </div>
      <Summary list={list} onReload={again} />
      {list.error.value && (
        <ErrorNote text={list.error.value} onRetry={again} />
      )}
      <TaskTable list={list} />
      {picksView.value && (
        <ViewsDialog onClose={() => (picksView.value = false)} />
      )}
      {act.value && (
        <BulkDialog
          act={act.value}
          filter={list.filter}
          call={call}
          onClose={(done) => {
            act.value = undefined;
            if (done) again();
          }}
        />
      )}
    </section>
  );
}

function StatusPicker({ picked }: { picked: readonly TaskStatusName[] }) {
  const toggle = (status: TaskStatusName) => {
    const rest = picked.filter((other) => other !== status);
    const next = rest.length < picked.length ? rest : [...picked, status];
    goWith("status", next.length === TaskStatuses.length ? "" : next.join());
  };
  return (
    <div class="states" role="group" aria-label="States">
      {TaskStatuses.map((status) => (
        <button
          key={status}
          type="button"
          class={status}
          aria-pressed={picked.includes(status)}
          onClick={() => toggle(status)}
        >
          {status}
        </button>
      ))}
    </div>
  );
}

function BulkButtons({
  list: { filter, at },
  onPick,
}: {
  list: TaskList;
  onPick: (act: BulkAct) => void;
}) {
  const why = whyNot(filter, at);
  return (
    <div class="bulk" role="group" aria-label="All tasks of this filter">
      {(["cancel", "retry"] as const).map((act) => (
        <button
          key={act}
          type="button"
          title={why}
          disabled={why !== undefined || bulkBody(act, filter) === undefined}
          onClick={() => onPick(act)}
        >
          {act === "cancel" ? "Cancel all…" : "Retry all…"}
        </button>
      ))}
    </div>
  );
}

function whyNot(filter: Filter, at: number | undefined): string | undefined {
  if (at !== undefined) return "Not in the past: go back to live first";
  return hasOwnPart(filter)
    ? "Not with free words, which only the page looks for"
    : undefined;
}

function Summary({ list, onReload }: { list: TaskList; onReload: () => void }) {
  const { rows, more, loading, looked, filter, loadMore } = list;
  const shown = rows.value.length;
  const text = useRef("");
  if (!loading.value || shown > 0)
    text.current = `${plural(shown, "task")}${more.value ? ", more below" : ""}`;
  return (
    <p class="summary">
      <span role="status">{text.current || "Loading…"}</span>
      {hasOwnPart(filter) && more.value && !loading.value && (
        <>
          <span>looked through {count(looked.value)}</span>
          <button type="button" class="link" onClick={() => void loadMore()}>
            look further
          </button>
        </>
      )}
      <span class="space" />
      <button type="button" class="link" onClick={onReload}>
        Reload
      </button>
    </p>
  );
}
