import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { messageOf, type Call } from "../api/call.ts";
import { count, plural } from "../format.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { bulkBody, countBulk, runBulk, type BulkAct } from "./bulk.ts";
import type { Filter } from "./filter.ts";

interface Props {
  act: BulkAct;
  filter: Filter;
  call: Call;
  /** `done`: something was changed. */
  onClose: (done: boolean) => void;
}

const words = {
  cancel: { verb: "Cancel", doing: "Cancelling…" },
  retry: { verb: "Retry", doing: "Retrying…" },
};

/** Says first how many tasks it will meet. */
export function BulkDialog({ act, filter, call, onClose }: Props) {
  const matched = useSignal<number | undefined>(undefined);
  const error = useSignal<string | undefined>(undefined);
  const results = useSignal<Readonly<Record<string, number>> | undefined>(
    undefined,
  );
  const running = useSignal(false);
  // What was counted is what is done, also if the page's filter changes meanwhile.
  const body = useMemo(() => bulkBody(act, filter), []);
  useEffect(() => {
    if (body === undefined) return;
    countBulk(call, act, body).then(
      (n) => (matched.value = n),
      (problem: unknown) => (error.value = messageOf(problem)),
    );
  }, []);
  async function run(): Promise<void> {
    if (body === undefined) return;
    running.value = true;
    results.value = {};
    try {
      await runBulk(call, act, body, (soFar) => (results.value = soFar));
    } catch (problem) {
      error.value = messageOf(problem);
    }
    running.value = false;
  }
  const { verb, doing } = words[act];
  const n = matched.value;
  const isDone = results.value !== undefined && !running.value;
  const close = () => onClose(results.value !== undefined);
  return (
    <Dialog title={`${verb} all tasks of this filter`} onClose={close}>
      {error.value && (
        <p class="error-note" role="alert">
          {error.value}
        </p>
      )}
      <p role="status">
        {n === undefined
          ? !error.value && "Counting…"
          : results.value === undefined
            ? `${plural(n, "task")} ${n === 1 ? "matches" : "match"} now.`
            : resultText(results.value, running.value)}
      </p>
      <pre class="body">{JSON.stringify(body, null, 1)}</pre>
      <div class="buttons">
        <button type="button" onClick={close}>
          {isDone ? "Close" : "Leave"}
        </button>
        {!isDone && (
          <button
            type="button"
            class={act === "cancel" ? "danger" : "primary"}
            disabled={n === undefined || n === 0 || running.value}
            onClick={() => void run()}
          >
            {running.value ? doing : `${verb} ${n ? plural(n, "task") : ""}`}
          </button>
        )}
      </div>
    </Dialog>
  );
}

function resultText(
  results: Readonly<Record<string, number>>,
  isRunning: boolean,
): string {
  const parts = Object.entries(results).map(
    ([word, n]) => `${count(n)} ${word.replaceAll("_", " ")}`,
  );
  return (parts.join(", ") || "Nothing so far") + (isRunning ? "…" : ".");
}
