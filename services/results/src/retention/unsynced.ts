/** Pure: what is needed of the log while the broker's disk may still lose the events that say that it is not. */
import { isFrom210 } from "@jetscribe/event-log/broker/serverVersion";

/** How long nats-server may keep an event from the disk: by its default before 2.10, and as Jetscribe runs it since. */
const oldIntervalMs = 120_000;
const intervalMs = 5_000;

/** In ms. Where the log fills up, room wins over what an old server could lose with its machine. */
export function syncWithinMs(serverVersion: string, urgent: boolean): number {
  return !isFrom210(serverVersion) && !urgent ? oldIntervalMs : intervalMs;
}

export function makeUnsynced() {
  let readings: { at: number; needed: number }[] = [];

  /** From this sequence on the log is needed, as of `at` in ms. */
  function note(at: number, needed: number): void {
    readings = readings.filter((_, i) => {
      const next = readings[i + 1];
      return next === undefined || at - next.at < oldIntervalMs;
    });
    readings.push({ at, needed });
  }

  /** The least that was needed within the last so many ms; 0 where that is not known. */
  function least(now: number, withinMs: number): number {
    const from = readings.findLastIndex(({ at }) => now - at >= withinMs);
    if (from < 0) return 0;
    return Math.min(...readings.slice(from).map(({ needed }) => needed));
  }

  return { note, least, forget: () => void (readings = []) };
}
