/**
 * Brings the generations into one batch, in the order of their slots. When a batch ends the library decodes what is queued
 * by then, before those of that batch can queue their next token: generations that began at different times stay two
 * groups for ever, which take turns, and each turn costs nearly as much as one of all together (node-llama-cpp 3.21.1).
 * And llama.cpp computes at once only what stands in the batch in the order of the sequences' numbers, without a gap.
 */
export interface Steps {
  /** `slot`: its number. */
  member: (slot: number) => Step;
}

export interface Step extends Disposable {
  /** Resolves as soon as all that are in a step have ended it, for all at once. */
  next: () => Promise<void>;
}

export function makeSteps(): Steps {
  let underWay = 0;
  let waiting: { slot: number; go: () => void }[] = [];

  function begin(): void {
    if (underWay > 0) return;
    const all = waiting.sort((a, b) => a.slot - b.slot);
    waiting = [];
    underWay = all.length;
    for (const { go } of all) go();
  }

  return {
    member(slot) {
      let takesPart = false;
      function end(): void {
        if (takesPart) underWay -= 1;
        takesPart = false;
      }
      return {
        next() {
          end();
          const { promise, resolve } = Promise.withResolvers<void>();
          const go = () => {
            takesPart = true;
            resolve();
          };
          waiting.push({ slot, go });
          // Not before the caller waits as well: they go on in the order in which they are called.
          queueMicrotask(begin);
          return promise;
        },
        [Symbol.dispose]() {
          end();
          begin();
        },
      };
    },
  };
}
