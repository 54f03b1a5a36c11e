const maxRemembered = 1_000;

/** The same function of a text, which remembers what it made of so many: of those that are asked for there are few. */
export function remember<T>(make: (text: string) => T): (text: string) => T {
  const results = new Map<string, T>();
  return (text) => {
    const remembered = results.get(text);
    if (remembered !== undefined) return remembered;
    const result = make(text);
    if (results.size >= maxRemembered) results.clear();
    results.set(text, result);
    return result;
  };
}
