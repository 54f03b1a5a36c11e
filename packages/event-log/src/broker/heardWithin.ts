/**
 * The last word of each that speaks, as long as it is not too old. `limitMs`: whoever said this is silent after so long.
 * `now` is a monotonic clock in ms. Words that are too old leave the memory as new ones come.
 */
export function heardWithin<Word>(
  limitMs: (word: Word) => number,
  now: () => number = () => performance.now(),
) {
  /** In the order in which they were heard. */
  const heard = new Map<string, { at: number; word: Word }>();
  const isOld = ({ at, word }: { at: number; word: Word }) =>
    now() - at >= limitMs(word);

  /** Undefined: it is silent for too long, or was never heard. */
  function get(id: string): Word | undefined {
    const last = heard.get(id);
    if (last === undefined || !isOld(last)) return last?.word;
    heard.delete(id);
    return undefined;
  }
  function note(id: string, word: Word): void {
    heard.delete(id);
    heard.set(id, { at: now(), word });
    for (const [oldest, last] of heard) {
      if (!isOld(last)) return;
      heard.delete(oldest);
    }
  }
  return {
    note,
    get,
    forget: (id: string) => void heard.delete(id),
    forgetAll: () => heard.clear(),
    all: (): Word[] => [...heard.keys()].flatMap((id) => get(id) ?? []),
  };
}
