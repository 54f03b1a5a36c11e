/**
 * Lets in what needs the whole context. The library cuts a sequence back only while no evaluation is queued, and where
 * one generation queues its next step before the other's has ended, that is never: a new task on a used slot then waits
 * until a neighbour's prompt is read or its text is written.
 */
export interface Pause {
  /** Does the work as soon as the steps under way have ended; no other one begins meanwhile. */
  during: (work: () => Promise<void>) => Promise<void>;
  /** Undefined: the next step may begin at once. */
  over: () => Promise<void> | undefined;
}

export function makePause(): Pause {
  let working = 0;
  let ended = Promise.withResolvers<void>();
  return {
    async during(work) {
      working += 1;
      try {
        await work();
      } finally {
        working -= 1;
        if (working === 0) {
          ended.resolve();
          ended = Promise.withResolvers();
        }
      }
    },
    over: () => (working === 0 ? undefined : ended.promise),
  };
}
