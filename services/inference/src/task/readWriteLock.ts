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

  const hasRoom = (alone: boolean) => !occupied && !(alone && inside > 0);

  function goIn(alone: boolean): void {
    inside++;
    occupied = alone;
  }

  function admit(): void {
    for (const one of waiting) {
      if (!hasRoom(one.alone)) return;
      waiting.delete(one);
      goIn(one.alone);
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
    if (waiting.size === 0 && hasRoom(alone)) {
      goIn(alone);
      return leave;
    }
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const one = { alone, admit: () => resolve(leave) };
    const abort = () => {
      if (waiting.delete(one)) reject(signal.reason as Error);
      admit(); // Those behind it may not have to wait.
    };
    waiting.add(one);
    signal.addEventListener("abort", abort, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", abort));
  }

  return { enter };
}
