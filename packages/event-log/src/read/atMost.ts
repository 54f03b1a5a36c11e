/** A bound on how many of something are under way at once. */
import { orAborted } from "../broker/orAborted.ts";

/**
 * Runs what it is given once less than `limit` others run, in the order of the calls. Rejects as `run` does, or with the
 * signal's reason where that aborts before the turn has come.
 */
export type AtMost = <T>(
  run: () => Promise<T>,
  signal: AbortSignal,
) => Promise<T>;

export function makeAtMost(limit: number): AtMost {
  let running = 0;
  /** In order of their calls; each is called when its turn has come. */
  const waiting = new Set<() => void>();

  function end(): void {
    const [next] = waiting;
    if (next === undefined) running--;
    else {
      // The place goes from one to the other.
      waiting.delete(next);
      next();
    }
  }

  async function turn(signal: AbortSignal): Promise<void> {
    if (running < limit) {
      running++;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.add(resolve);
    try {
      await orAborted(promise, signal);
    } catch (error) {
      // It had its turn in the same moment.
      if (!waiting.delete(resolve)) end();
      throw error;
    }
  }

  return async (run, signal) => {
    await turn(signal);
    try {
      return await run();
    } finally {
      end();
    }
  };
}
