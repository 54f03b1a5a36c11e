/**
 * Notices that work waits, slots are free, and nothing comes. As long as it lasts, each remedy is stronger than the one
 * before: decision 0003. `now` is a monotonic clock in ms.
 */
export function watchForStuck(
  {
    mild,
    last,
  }: {
    /** In order; the last one is repeated. */
    mild: readonly (() => void)[];
    /** Where after all of them nothing is even answered. */
    last: () => void;
  },
  afterMs: number,
  now: () => number = () => performance.now(),
) {
  let since: number | undefined;
  let level = 0;
  let isAnswered = false;

  function remedy() {
    const deaf = level >= mild.length && !isAnswered;
    const next = deaf ? last : mild[Math.min(level, mild.length - 1)];
    level += 1;
    isAnswered = false;
    next?.();
  }
  return {
    /** The broker answers, if only that there is nothing: then another process would be told the same. */
    answered: () => void (isAnswered = true),
    /** Something came. */
    delivered: () => {
      since = undefined;
      level = 0;
    },
    /** Whether work waits that should have come, as just seen. */
    seen: (waits: boolean) => {
      if (!waits) since = undefined;
      else if (since === undefined) since = now();
      else if (now() - since >= afterMs) {
        remedy();
        since = now();
      }
    },
  };
}
