/**
 * Calls `sweep` every `everyMs` ms, each time after what has arrived was read. Where this process stood still its timers
 * are due before anything is read, and what `sweep` would give up may have come in time.
 */
export function sweepEvery(everyMs: number, sweep: () => void): Disposable {
  const timer = setInterval(() => setImmediate(sweep), everyMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
