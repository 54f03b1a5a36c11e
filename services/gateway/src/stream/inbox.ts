/** What is heard for one reader, until it is taken; bounded, so that a reader that takes nothing costs nothing more. */
export function makeInbox<T>(max: number) {
  const waiting: T[] = [];
  let closed = false;
  let changed = Promise.withResolvers<void>();
  /** For the few that must not be lost: taken also where it is full. */
  function putAlways(heard: T): void {
    waiting.push(heard);
    changed.resolve();
  }
  return {
    /** False: it is full, and the reader too slow. */
    put(heard: T): boolean {
      if (waiting.length >= max) return false;
      putAlways(heard);
      return true;
    },
    putAlways,
    /** Undefined: it was closed. */
    async next(): Promise<T | undefined> {
      while (waiting.length === 0 && !closed) {
        await changed.promise;
        changed = Promise.withResolvers();
      }
      return closed ? undefined : waiting.shift();
    },
    close(): void {
      closed = true;
      changed.resolve();
    },
  };
}
