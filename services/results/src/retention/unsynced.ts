/** Pure: what is needed of the log while the broker's disk may still lose the events that say that it is not. */
import { isFrom210 } from "@jetscribe/event-log/broker/serverVersion";

/** How long nats-server may keep an event from the disk: by its default before 2.10, and as Jetscribe runs it since. */
const oldIntervalMs = 120_000;
const intervalMs = 5_000;

/** In ms. Where the log fills up, room wins over what an old server could lose with its machine. */
export function syncWithinMs(serverVersion: string, urgent: boolean): number {
  return !isFrom210(serverVersion) && !urgent ? oldIntervalMs : intervalMs;
}

export interface Unsynced {
  /** From this sequence on the log is needed, as of `at` in ms. */
  note: (at: number, needed: number) => void;
  /** The least that was needed within the last so many ms; 0 where that is not known. */
  least: (now: number, withinMs: number) => number;
  forget: () => void;
}

export function makeUnsynced(): Unsynced {
  let seen: { at: number; needed: number }[] = [];
  return {
    note(at, needed) {
      seen = seen.filter((_, i) => {
        const next = seen[i + 1];
        return next === undefined || at - next.at < oldIntervalMs;
      });
      seen.push({ at, needed });
    },
    least(now, withinMs) {
      const from = seen.findLastIndex(({ at }) => now - at >= withinMs);
      if (from < 0) return 0;
      return Math.min(...seen.slice(from).map(({ needed }) => needed));
    },
    forget: () => void (seen = []),
  };
}
