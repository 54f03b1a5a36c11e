/** Pure: a list of things by their names, and which of them changed. */
export function makeChanges<T>(nameOf: (one: T) => string) {
  let known = new Map<string, { one: T; text: string }>();
  return {
    /** In the order of their names. */
    all: (): T[] =>
      [...known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { one }]) => one),
    /** Takes all that there are now. */
    set(all: readonly T[]): { changed: T[]; gone: string[] } {
      const before = known;
      known = new Map(
        all.map((one) => [nameOf(one), { one, text: JSON.stringify(one) }]),
      );
      const changed = [...known].flatMap(([name, { one, text }]) =>
        before.get(name)?.text === text ? [] : [one],
      );
      const gone = [...before.keys()].filter((name) => !known.has(name));
      return { changed, gone };
    },
  };
}
