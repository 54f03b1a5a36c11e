import type {
  FeedEvent,
  HistoryEvent,
  HistoryResponse,
} from "@jetscribe/schema";
import { kinds } from "@jetscribe/schema/evolve";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CallError, messageOf } from "../api/call.ts";
import type { Session } from "../api/session.ts";
import { count, exactTime } from "../format.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { folded } from "../task/RawEvents.tsx";

interface Props {
  event: FeedEvent;
  session: Session;
  onClose: () => void;
}

/** Of an event that has no text, nobody reads one. */
function historyPath({ task_id, type }: FeedEvent): string {
  const hasText = type === "GenerateRequested" || kinds[type].outcome;
  return `/tasks/${task_id}/events?texts=${hasText}`;
}

/** The raw event, as far as the key may read it. */
export function EventDialog({ event, session: { call }, onClose }: Props) {
  const whole = useSignal<HistoryEvent | undefined>(undefined);
  const note = useSignal("Reading it…");
  useEffect(() => {
    call<HistoryResponse>(historyPath(event))
      .then(({ events }) => {
        whole.value = events.find(({ seq }) => seq === event.seq);
        note.value = whole.value
          ? ""
          : "Its headers: the log has dropped the event meanwhile.";
      })
      .catch((error: unknown) => {
        const isForeign = error instanceof CallError && error.status === 404;
        note.value = isForeign
          ? "Its headers: another owner's events are read by its own keys."
          : messageOf(error);
      });
  }, [event]);
  const { value: read } = whole;
  return (
    <Dialog
      title={`${event.type}, sequence ${count(event.seq)}`}
      onClose={onClose}
    >
      <p class="note">Stored {exactTime(event.time)}</p>
      <pre class="body" tabIndex={0}>
        {JSON.stringify(read?.data ?? event, folded, 2)}
      </pre>
      <p class="note" role="status">
        {note.value}
      </p>
      <form method="dialog" class="buttons">
        <button type="submit">Close</button>
      </form>
    </Dialog>
  );
}
