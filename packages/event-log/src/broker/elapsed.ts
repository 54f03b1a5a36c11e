/** A clock for how long ago something was, with the time that the machine slept. */
import { uptime } from "node:os";

interface Clocks {
  /** Stands still while the machine sleeps. */
  monotonic: () => number;
  /** Can be set. */
  wall: () => number;
  /** Goes on in a sleep, and can't be set; a reading takes 12 µs. */
  sinceBoot: () => number;
}

const machine: Clocks = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  sinceBoot: () => uptime() * 1_000,
};

/** Less than this is not told apart from the inexactness of the clocks. */
const shortestSleepMs = 500;

/**
 * Makes a clock in ms that never goes back, goes on while the machine sleeps, and does not notice that its time is set.
 * After a sleep the wall clock is ahead of the monotonic one; so it is after a step, which the time since boot tells.
 */
export function makeElapsed({ monotonic, wall, sinceBoot }: Clocks = machine) {
  const bootAhead = sinceBoot() - monotonic();
  let wallAhead = wall() - monotonic();
  let sleptMs = 0;
  return (): number => {
    const now = monotonic();
    const ahead = wall() - now;
    if (Math.abs(ahead - wallAhead) >= shortestSleepMs) {
      wallAhead = ahead;
      const slept = sinceBoot() - now - bootAhead;
      if (slept - sleptMs >= shortestSleepMs) sleptMs = slept;
    }
    return now + sleptMs;
  };
}

/** Of this process. Leases and the age of what was read go by it; `performance.now()` would pass them after a sleep. */
export const elapsedMs: () => number = makeElapsed();
