/**
 * Lets many in together, or one alone; in the order of asking, so that nobody waits for ever. `enter` resolves with
 * the way out, and rejects with the signal's reason.
 */
export function makeGate(): {
  enter: (alone: boolean, signal: AbortSignal) => Promise<() => void>;
} {
  const waiting = new Set<{ alone: boolean; admit: () => void }>();
  let inside = 0;
  let occupied = false;

  function admit(): void {
    for (const one of waiting) {
      if (occupied || (one.alone && inside > 0)) return;
      waiting.delete(one);
      inside++;
      occupied = one.alone;
      one.admit();
    }
  }

  function leave(): void {
    inside--;
    occupied = false;
    admit();
  }

  async function enter(
    alone: boolean,
    signal: AbortSignal,
  ): Promise<() => void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const one = { alone, admit: () => resolve(leave) };
    const abort = () => {
      if (waiting.delete(one)) reject(signal.reason as Error);
      admit(); // Those behind it may not have to wait.
    };
    waiting.add(one);
    signal.addEventListener("abort", abort, { once: true });
    admit();
    return promise.finally(() => signal.removeEventListener("abort", abort));
  }

  return { enter };
}
