/** What is heard for one reader, until it is taken; bounded, so that a reader that takes nothing costs nothing more. */
export interface Inbox<T> {
  /** False: it is full, and the reader too slow. */
  put(one: T): boolean;
  /** For the few that must not be lost: taken also where it is full. */
  putAlways(one: T): void;
  /** Undefined: it was closed. */
  next(): Promise<T | undefined>;
  close(): void;
}

export function makeInbox<T>(most: number): Inbox<T> {
  const waiting: T[] = [];
  let closed = false;
  let changed = Promise.withResolvers<void>();
  function putAlways(one: T) {
    waiting.push(one);
    changed.resolve();
  }
  return {
    put(one) {
      if (waiting.length >= most) return false;
      putAlways(one);
      return true;
    },
    putAlways,
    async next() {
      while (waiting.length === 0 && !closed) {
        await changed.promise;
        changed = Promise.withResolvers();
      }
      return closed ? undefined : waiting.shift();
    },
    close() {
      closed = true;
      changed.resolve();
    },
  };
}
