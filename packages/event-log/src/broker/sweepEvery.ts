/**
 * Calls `sweep` every `everyMs` ms, each time after what has arrived was read, with the time before that, by
 * `performance.now()`. Where this process stood still its timers are due before anything is read, and what `sweep` would
 * give up may have come in time; it may also stand still between the timer and the call. `lateMs` says how late the sweep
 * comes: for so long this process stood still, and the whole machine perhaps.
 */
export function sweepEvery(
  everyMs: number,
  sweep: (now: number, lateMs: number) => void,
): Disposable {
  let dueAt = performance.now() + everyMs;
  const timer = setInterval(() => {
    const now = performance.now();
    setImmediate(sweep, now, Math.max(0, now - dueAt));
    dueAt = now + everyMs;
  }, everyMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
