/** Work of which only so much is done at once: the rest waits for its turn, in order. */
export function makeTurns(atOnce: number) {
  let underWay = 0;
  const waiting: (() => void)[] = [];

  return {
    /** How many wait for their turn. */
    get waiting() {
      return waiting.length;
    },
    /** Settles as the work does. */
    async take<T>(work: () => Promise<T>): Promise<T> {
      if (underWay < atOnce) underWay++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        // The turn goes to the next one, or is given back.
        const next = waiting.shift();
        if (next) next();
        else underWay--;
      }
    },
  };
}
