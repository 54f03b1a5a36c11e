import type { HistoryEvent } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import { count, duration } from "../format.ts";
import { Time } from "../parts/Time.tsx";

/** A longer text is folded: it stands on the page above. */
const longestText = 400;

export function RawEvents({ events }: { events: readonly HistoryEvent[] }) {
  const first = events[0]?.time ?? 0;
  return (
    <section class="events">
      <h2>Events</h2>
      <ol>
        {events.map((event) => (
          <li key={event.seq}>
            <RawEvent event={event} sinceS={event.time - first} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function RawEvent({ event, sinceS }: { event: HistoryEvent; sinceS: number }) {
  const open = useSignal(false);
  return (
    <details
      onToggle={({ currentTarget }) => {
        open.value = currentTarget.open;
      }}
    >
      <summary>
        <b>{event.type}</b>
        <Time s={event.time} />
        <span class="note">+{duration(Math.max(0, sinceS))}</span>
        <span class="note">sequence {count(event.seq)}</span>
      </summary>
      {open.value && (
        <pre class="body" tabIndex={0}>
          {JSON.stringify(event.data, folded, 2)}
        </pre>
      )}
    </details>
  );
}

/** A replacer for JSON: long texts are cut. */
export const folded = (_key: string, value: unknown): unknown =>
  typeof value === "string" && value.length > longestText
    ? `${value.slice(0, longestText)}… (${count(value.length)} characters)`
    : value;
