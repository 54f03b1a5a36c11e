/** A list of any length: only the rows that can be seen are in the page. */
import type { FeedEvent } from "@jetscribe/schema";
import { errorTextOf } from "@jetscribe/schema/evolve";
import { useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { count } from "../format.ts";
import { heightOf, rowHeight, spareRows, useSeenRows } from "../parts/seenRows.ts"; // prettier-ignore
import { Time } from "../parts/Time.tsx";
import { taskHref } from "../route.ts";
import type { OpenLog } from "./openLog.ts";

const columns = ["Sequence", "Stored", "Event", "Task", "Model", "Owner", "Says"]; // prettier-ignore

interface Props {
  log: OpenLog;
  onOpen: (event: FeedEvent) => void;
}

export function LogTable({ log, onOpen }: Props) {
  const events = log.events.value;
  const scroller = useRef<HTMLDivElement>(null);
  const { seen, measure } = useSeenRows(scroller);
  /** The event at the top stays there when others come in above. */
  const top = useRef<number>(undefined);
  useLayoutEffect(() => {
    const { current } = scroller;
    const place = events.findIndex(({ seq }) => seq === top.current);
    if (current && seen.value.first > 0 && place > seen.value.first)
      current.scrollTop += (place - seen.value.first) * rowHeight(current);
    measure();
  }, [events]);
  useLayoutEffect(() => {
    top.current = events[seen.value.first]?.seq;
  });
  useSignalEffect(() => {
    const { first, rows } = seen.value;
    const isNearEnd = first + rows + spareRows >= log.events.value.length;
    if (isNearEnd && !log.error.value) void log.loadMore();
  });
  const from = Math.max(0, seen.value.first - spareRows);
  const shown = events.slice(from, seen.value.first + seen.value.rows + spareRows); // prettier-ignore
  return (
    <div class="grid-box">
      <div
        class="task-grid log-grid"
        role="table"
        aria-label="Events"
        aria-rowcount={-1}
        aria-busy={log.loading.value}
        ref={scroller}
        tabIndex={0}
        onScroll={measure}
      >
        <div class="row head" role="row" aria-rowindex={1}>
          {columns.map((name) => (
            <span key={name} role="columnheader">
              {name}
            </span>
          ))}
        </div>
        <div role="presentation" style={heightOf(from)} />
        {shown.map((event, i) => (
          <Row key={event.seq} event={event} place={from + i} onOpen={onOpen} />
        ))}
        <div
          role="presentation"
          style={heightOf(events.length - from - shown.length)}
        />
      </div>
      {events.length === 0 && !log.loading.value && !log.error.value && (
        <div class="empty">
          <p>No event has all of this.</p>
        </div>
      )}
    </div>
  );
}

function Row({
  event,
  place,
  onOpen,
}: Pick<Props, "onOpen"> & { event: FeedEvent; place: number }) {
  const { seq, time, type, task_id, model, lane, owner } = event;
  return (
    <div class="row" role="row" aria-rowindex={place + 2}>
      <span role="cell" class="num">
        {count(seq)}
      </span>
      <span role="cell">
        <Time s={time} />
      </span>
      <span role="cell">
        <button type="button" class="link" onClick={() => onOpen(event)}>
          {type}
        </button>
      </span>
      <span role="cell" class="id">
        <a href={taskHref(task_id, owner)} title={task_id}>
          …{task_id.slice(-12)}
        </a>
      </span>
      <span role="cell" class="model">
        {model}
        {lane === "batch" && <small>batch</small>}
      </span>
      <span role="cell">{owner}</span>
      <span role="cell" class="more">
        {wordsOf(event)}
      </span>
    </div>
  );
}

/** What the headers say beside that. */
const wordsOf = ({
  attempt,
  error_type,
  error_message,
  user_id,
  metadata = {},
  group,
}: FeedEvent) =>
  [
    ...(attempt === undefined ? [] : [`attempt ${attempt}`]),
    ...[errorTextOf({ error_type, error_message })].filter((text) => text),
    ...(user_id === undefined ? [] : [`user ${user_id}`]),
    ...(group === undefined ? [] : [`group ${group}`]),
    ...Object.entries(metadata).map((pair) => pair.join("=")),
  ].join(", ");
