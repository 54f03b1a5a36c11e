/**
 * Calls `sweep` every `everyMs` ms, each time after what has arrived was read, with the time before that, by
 * `performance.now()`. Where this process stood still its timers are due before anything is read, and what `sweep` would
 * give up may have come in time; it may also stand still between the timer and the call.
 */
export function sweepEvery(
  everyMs: number,
  sweep: (now: number) => void,
): Disposable {
  const timer = setInterval(
    () => setImmediate(sweep, performance.now()),
    everyMs,
  );
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
