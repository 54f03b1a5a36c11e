/** Pure: when a view's next frame is due, and whether it tells events or what they came to. */
import { feedPace } from "@jetscribe/schema";

const { eventsPerSecond, deltasPerSecond } = feedPace;

/** Frames of events are so far apart at least, in ms: people see no difference below. */
const eventsEveryMs = 50;
const deltasEveryMs = 1_000 / deltasPerSecond;

/** `now`: a monotonic clock in ms; `onlyDeltas`: of a view that tells no events one by one. */
export function makePace(
  now: () => number = () => performance.now(),
  onlyDeltas = false,
) {
  /** When the latest events came; the oldest of them is at `next`. */
  const times = new Float64Array(eventsPerSecond).fill(-Infinity);
  let next = 0;
  let toldAt = -Infinity;
  /** Whether more events came within the last second than a page can follow one by one. */
  const isBusy = (): boolean => now() - (times[next] ?? 0) < 1_000;
  return {
    isBusy,
    noteEvent(): void {
      times[next] = now();
      next = (next + 1) % eventsPerSecond;
    },
    noteFrame: () => void (toldAt = now()),
    /** In ms from now; 0: a frame may go. */
    dueInMs: (): number => {
      const everyMs = onlyDeltas || isBusy() ? deltasEveryMs : eventsEveryMs;
      return Math.max(0, toldAt + everyMs - now());
    },
  };
}
