export interface ReadWriteLock {
  /** Many have it together, or one has it alone. Resolves with its release; rejects with the signal's reason. */
  acquire: (alone: boolean, signal: AbortSignal) => Promise<() => void>;
}

/** In the order of asking, so that nobody waits for ever. */
export function makeReadWriteLock(): ReadWriteLock {
  const waiting = new Set<{ alone: boolean; grant: () => void }>();
  let holders = 0;
  let isExclusive = false;

  const hasRoom = (alone: boolean) => !isExclusive && !(alone && holders > 0);

  function take(alone: boolean): void {
    holders++;
    isExclusive = alone;
  }

  function grantNext(): void {
    for (const waiter of waiting) {
      if (!hasRoom(waiter.alone)) return;
      waiting.delete(waiter);
      take(waiter.alone);
      waiter.grant();
    }
  }

  function release(): void {
    holders--;
    isExclusive = false;
    grantNext();
  }

  async function acquire(
    alone: boolean,
    signal: AbortSignal,
  ): Promise<() => void> {
    signal.throwIfAborted();
    if (waiting.size === 0 && hasRoom(alone)) {
      take(alone);
      return release;
    }
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const waiter = { alone, grant: () => resolve(release) };
    const abort = () => {
      if (waiting.delete(waiter)) reject(signal.reason as Error);
      grantNext(); // Those behind it may not have to wait.
    };
    waiting.add(waiter);
    signal.addEventListener("abort", abort, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", abort));
  }

  return { acquire };
}
