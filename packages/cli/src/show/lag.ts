/** What a reader is told who doesn't see what happens now, or not all of it. */
import { count } from "./eventText.ts";

/** So many waiting events are a lag; fewer come and go with each batch. */
const fromEvents = 1_000;

/**
 * Told how many events wait, it warns once the output falls behind, again whenever twice as many wait, and once it has
 * caught up. `isLive`: false where it begins with events of the past, which are no lag until it has caught up with them.
 */
export function makeTellLag(
  isLive: boolean,
  warn: (line: string) => void,
): (pending: number) => void {
  let warnAt = fromEvents;
  return (pending) => {
    if (pending === 0) {
      if (isLive && warnAt > fromEvents) warn("caught up");
      isLive = true;
      warnAt = fromEvents;
    }
    if (!isLive || pending < warnAt) return;
    warn(
      `${count(pending, "event")} behind: they are stored faster than they are taken`,
    );
    warnAt = 2 * pending;
  };
}

export const droppedText = (events: number, seq: number): string =>
  `the log has dropped ${count(events, "event")} before they were read: it goes on at ${seq}`;
