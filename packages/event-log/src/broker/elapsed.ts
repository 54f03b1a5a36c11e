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
/** Two clocks are read at one time where they are read within this. */
const oneTimeMs = 100;

/**
 * Makes a clock in ms that never goes back, goes on while the machine sleeps, and does not notice that its time is set.
 * After a sleep the wall clock is ahead of the monotonic one; so it is after a step, which the time since boot tells.
 */
export function makeElapsed({ monotonic, wall, sinceBoot }: Clocks = machine) {
  const bootAhead = aheadOf(sinceBoot);
  let wallAhead = aheadOf(wall);
  let sleptMs = 0;
  return (): number => {
    const now = monotonic();
    if (Math.abs(wall() - now - wallAhead) >= shortestSleepMs) {
      wallAhead = aheadOf(wall);
      const slept = aheadOf(sinceBoot) - bootAhead;
      if (slept - sleptMs >= shortestSleepMs) sleptMs = slept;
    }
    return now + sleptMs;
  };

  /** What a clock is ahead of the monotonic one. Where the process stands still between the two they are read anew. */
  function aheadOf(clock: () => number): number {
    for (;;) {
      const now = monotonic();
      const ahead = clock() - now;
      if (monotonic() - now < oneTimeMs) return ahead;
    }
  }
}

/** Of this process. Leases and the age of what was read go by it; `performance.now()` would pass them after a sleep. */
export const elapsedMs: () => number = makeElapsed();
