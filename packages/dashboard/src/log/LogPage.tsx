import { useComputed, useSignal } from "@preact/signals";
import type { FeedEvent } from "@jetscribe/schema";
import { useEffect, useMemo } from "preact/hooks";
import { session, type Session } from "../api/session.ts";
import { count, plural } from "../format.ts";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { at, goToMoment } from "../past/moment.ts";
import { route } from "../route.ts";
import { EventDialog } from "./EventDialog.tsx";
import { filterIn } from "./logFilter.ts";
import { LogFilter } from "./LogFilter.tsx";
import { LogTable } from "./LogTable.tsx";
import { openLog } from "./openLog.ts";

export function LogPage() {
  const { value } = session;
  return value && <Log session={value} />;
}

function Log({ session }: { session: Session }) {
  const asked = useComputed(() => filterIn(route.value.query).toString()).value;
  const { value: moment } = at;
  const reads = useSignal(0);
  const log = useMemo(
    () => openLog(session, new URLSearchParams(asked), moment),
    [session, asked, moment, reads.value],
  );
  useEffect(() => log.close, [log]);
  const opened = useSignal<FeedEvent | undefined>(undefined);
  const { events, loading, error, skipped, isFull } = log;
  const shown = events.value.length;
  return (
    <section class="tasks log" aria-label="Log">
      <h1 class="hidden">Log</h1>
      <LogFilter />
      <p class="summary">
        <span role="status">
          {loading.value && shown === 0 ? "Loading…" : plural(shown, "event")}
        </span>
        {skipped.value > 0 && (
          <span>
            {count(skipped.value)} more came too fast to be shown: reload to see
            them
          </span>
        )}
        {isFull.value && <OlderEvents last={events.value.at(-1)} />}
        <span class="space" />
        <button type="button" class="link" onClick={() => reads.value++}>
          Reload
        </button>
      </p>
      {error.value && (
        <ErrorNote text={error.value} onRetry={() => reads.value++} />
      )}
      <LogTable log={log} onOpen={(event) => (opened.value = event)} />
      {opened.value && (
        <EventDialog
          event={opened.value}
          session={session}
          onClose={() => (opened.value = undefined)}
        />
      )}
    </section>
  );
}

/** Behind the last event that the page keeps. */
function OlderEvents({ last }: { last: FeedEvent | undefined }) {
  return (
    last && (
      <span>
        the list is full and ends with {count(last.seq)}:{" "}
        <button type="button" class="link" onClick={() => goToMoment(last.seq)}>
          go there to see older ones
        </button>
      </span>
    )
  );
}
