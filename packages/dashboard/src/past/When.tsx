import { Connection } from "../parts/Connection.tsx";
import { timeOfDay } from "../format.ts";
import { pagesWithFeed, route } from "../route.ts";
import { at, isOfEvents } from "./moment.ts";
import { isOpen, moment } from "./openPast.ts";

/** Whether the page is live or shows a moment of the past, and the way from one to the other. */
export function When() {
  const isLive = pagesWithFeed.has(route.value.page);
  if (!isOfEvents.value)
    return (
      <span class="when" title="Nothing on this page is made of events">
        {isLive && <Connection />}
        <span class="note">no past</span>
      </span>
    );
  const isPast = at.value !== undefined;
  const isShown = isPast || isOpen.value;
  return (
    <span class={`when ${isPast ? "past" : ""}`}>
      {isPast ? <PastTime /> : isLive && <Connection />}
      {!isPast && (
        <button
          type="button"
          aria-expanded={isShown}
          aria-controls="moment"
          onClick={() => {
            isOpen.value = !isOpen.value;
          }}
        >
          Past
        </button>
      )}
    </span>
  );
}

function PastTime() {
  const { value } = moment;
  return (
    <span class="connection" role="status">
      <i aria-hidden="true" />
      {value?.time === undefined
        ? `at ${at.value}`
        : `at ${timeOfDay(value.time)}`}
    </span>
  );
}
