/** Where in the log the page stands: a slider over the density of events, and steps of one event. */
import { useSignal } from "@preact/signals";
import type { DensityResponse } from "@jetscribe/schema";
import { useEffect, useRef } from "preact/hooks";
import { count, exactTime, timeOfDay } from "../format.ts";
import { onKey } from "../parts/keys.ts";
import { hrefOf, route } from "../route.ts";
import { at, goToMoment, isOfEvents } from "./moment.ts";
import { density, goToTime, isOpen, moment, momentError, step } from "./openPast.ts"; // prettier-ignore

/** A moment is looked up when nobody has moved the slider for so long. */
const pauseMs = 120;

export function MomentBar() {
  const isPast = at.value !== undefined;
  onKey("[", () => step("back"));
  onKey("]", () => step("forward"));
  if (!isOfEvents.value || (!isPast && !isOpen.value)) return null;
  const close = () => {
    isOpen.value = false;
    goToMoment(undefined);
  };
  return (
    <section
      id="moment"
      class={`moment ${isPast ? "past" : ""}`}
      aria-label="Moment"
    >
      <Strip />
      <div class="steps">
        <button
          type="button"
          title="One event back ( [ )"
          disabled={!isPast}
          onClick={() => step("back")}
        >
          ◀ <span class="hidden">One event back</span>
        </button>
        <button
          type="button"
          title="One event forward ( ] )"
          disabled={!isPast}
          onClick={() => step("forward")}
        >
          <span class="hidden">One event forward</span> ▶
        </button>
        <p class="said">{isPast ? <Said /> : <Hint />}</p>
        <span class="space" />
        <button type="button" class={isPast ? "primary" : ""} onClick={close}>
          {isPast ? "Back to live" : "Close"}
        </button>
      </div>
      {momentError.value && (
        <p class="failed" role="alert">
          {momentError.value}
        </p>
      )}
    </section>
  );
}

const Hint = () => (
  <span class="note">
    Move the slider, and the page shows the system as it was then.
  </span>
);

/** The moment in words: it is not live, and which event was the last one. */
function Said() {
  const { value } = moment;
  if (value === undefined) return <>Looking it up…</>;
  const { seq, time, event, last_seq } = value;
  return (
    <>
      <b>As it was{time !== undefined && ` at ${exactTime(time)}`}</b>, after
      event {count(seq)} of {count(last_seq)}
      {event && (
        <>
          :{" "}
          <a href={hrefOf("tasks", ofTask(event))}>
            {event.type} …{event.task_id.slice(-12)}
          </a>
        </>
      )}
    </>
  );
}

const ofTask = ({ task_id, owner }: { task_id: string; owner?: string | undefined }) => ({
  id: task_id,
  ...(owner !== undefined && { query: new URLSearchParams({ owner }) }),
}); // prettier-ignore

function Strip() {
  const { value: log } = density;
  const moved = useSignal<number | undefined>(undefined);
  const timer = useRef<number>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  // What the log says of a moment is where the slider stands.
  useEffect(() => {
    moved.value = undefined;
  }, [moment.value, route.value.page]);
  if (log === undefined || log.events.length === 0)
    return <div class="strip" aria-busy="true" />;
  const end = log.from + log.events.length * log.bucket_s;
  // Before the first event there is no time.
  const shown = moment.value ? (moment.value.time ?? log.from) : end;
  const time = Math.min(end, moved.value ?? shown);
  function move(to: number): void {
    moved.value = to;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void goToTime(to), pauseMs);
  }
  return (
    <div class="strip">
      <Bars log={log} />
      <input
        type="range"
        aria-label="Moment of the log"
        aria-valuetext={timeOfDay(time)}
        min={log.from}
        max={end}
        step={Math.max(0.001, (end - log.from) / 1_000)}
        value={time}
        onInput={({ currentTarget }) => move(Number(currentTarget.value))}
      />
      <p class="ends" aria-hidden="true">
        <span>{timeOfDay(log.from)}</span>
        <span>{timeOfDay(Math.min(end, Date.now() / 1_000))}</span>
      </p>
    </div>
  );
}

/** How many events were stored when, each bar as high as its root: few events are seen beside many. */
function Bars({ log: { events } }: { log: DensityResponse }) {
  const most = Math.sqrt(Math.max(1, ...events));
  const path = events
    .map((count, i) => {
      const height =
        count === 0 ? 0 : Math.max(4, (100 * Math.sqrt(count)) / most);
      return `M${i} 100V${(100 - height).toFixed(1)}h.9V100z`;
    })
    .join("");
  return (
    <svg
      viewBox={`0 0 ${events.length} 100`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  );
}
