/** The latest values that were set, so many at most: the oldest one makes room. */
import { PassingMap } from "../fast/passingMap.ts";

export interface Latest<K, V> {
  set: (key: K, value: V) => void;
  get: (key: K) => V | undefined;
  delete: (key: K) => void;
}

export function makeLatest<K, V>(maxEntries: number): Latest<K, V> {
  /** In the order in which they were set. */
  const values = new PassingMap<K, V>();
  return {
    set(key, value) {
      values.delete(key);
      values.set(key, value);
      if (values.size <= maxEntries) return;
      const [oldest] = values.keys();
      if (oldest !== undefined) values.delete(oldest);
    },
    get: (key) => values.get(key),
    delete: (key) => values.delete(key),
  };
}
