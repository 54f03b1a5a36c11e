/** The latest values that were set, so many at most: the oldest one makes room. */
import { PassingMap } from "../fast/passingMap.ts";

export function makeLatest<K, V>(maxEntries: number) {
  /** In the order in which they were set. */
  const values = new PassingMap<K, V>();
  return {
    set: (key: K, value: V): void => {
      values.delete(key);
      values.set(key, value);
      if (values.size <= maxEntries) return;
      const [oldest] = values.keys();
      if (oldest !== undefined) values.delete(oldest);
    },
    get: (key: K): V | undefined => values.get(key),
    delete: (key: K): void => values.delete(key),
  };
}
