/** The projections as they announce themselves; one that is silent for 6 s is away. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { hearProjections } from "@jetscribe/event-log/signals/signals";
import { goneAfterMs, type ProjectionAnnouncement } from "@jetscribe/schema";

/** What a whole system has. */
const expected = ["logger", "results"];

export interface ProjectionsHeard extends Disposable {
  /** Of each that was heard lately the instance that writes, by its name. */
  all: () => ProjectionAnnouncement[];
  /** The names of those that should be there and were silent for 6 s: their services are down, or end again and again. */
  away: () => string[];
  /** Whether the projection into Redis is there, and gets on. */
  projecting: () => boolean;
}

export function hearAllProjections(broker: Broker): ProjectionsHeard {
  const heard = new Map<string, { at: number; word: ProjectionAnnouncement }>();
  /** Nobody is away whom one has not listened to for so long. */
  const since = performance.now();
  const hearing = hearProjections(broker, (word) => {
    if (word.leading) heard.set(word.name, { at: performance.now(), word });
  });
  function all() {
    const now = performance.now();
    return [...heard.values()]
      .filter(({ at }) => now - at <= goneAfterMs)
      .map(({ word }) => word)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  function projecting() {
    const { at = since, word } = heard.get("results") ?? {};
    return performance.now() - at <= goneAfterMs && word?.error === undefined;
  }
  function away() {
    if (performance.now() - since <= goneAfterMs) return [];
    const here = new Set(all().map(({ name }) => name));
    return expected.filter((name) => !here.has(name));
  }
  return {
    ...{ all, away, projecting },
    [Symbol.dispose]: () => hearing[Symbol.dispose](),
  };
}
