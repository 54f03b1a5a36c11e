/**
 * The last word of each that announces itself, as long as it is not too old. `limitMs`: whoever said this is gone after so
 * long a silence. `now` is a monotonic clock in ms.
 */
export function heardWithin<Word>(
  limitMs: (word: Word) => number,
  now: () => number = () => performance.now(),
) {
  const heard = new Map<string, { at: number; word: Word }>();
  function get(id: string): Word | undefined {
    const { at = 0, word } = heard.get(id) ?? {};
    if (word === undefined || now() - at < limitMs(word)) return word;
    heard.delete(id);
    return undefined;
  }
  return {
    note: (id: string, word: Word) => void heard.set(id, { at: now(), word }),
    forget: (id: string) => void heard.delete(id),
    forgetAll: () => heard.clear(),
    /** Undefined: it is silent for too long, or was never heard. */
    get,
    all: (): Word[] => [...heard.keys()].flatMap((id) => get(id) ?? []),
  };
}
