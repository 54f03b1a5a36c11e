/** The workers as they announce themselves; one that misses three announcements is gone. */
import { goneAfter, type WorkerAnnouncement } from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { hearWorkers } from "./signals.ts";

export interface WorkersHeard extends Disposable {
  /** Those that are not gone, by their ids. */
  all: () => WorkerAnnouncement[];
}

/** Hears the workers of all models. `onModel` is told each model (as people see it) that was not heard before. */
export function hearAllWorkers(
  broker: Broker,
  onModel: (model: string) => void = () => undefined,
): WorkersHeard {
  const heard = new Map<string, { at: number; word: WorkerAnnouncement }>();
  const models = new Set<string>();

  function all(): WorkerAnnouncement[] {
    const now = performance.now();
    for (const [id, { at, word }] of heard)
      if (now - at > goneAfter(word)) heard.delete(id);
    return [...heard.values()]
      .map(({ word }) => word)
      .sort((a, b) => (a.worker_id < b.worker_id ? -1 : 1));
  }

  const hearing = hearWorkers(broker, (word) => {
    if (word.leaving) heard.delete(word.worker_id);
    else heard.set(word.worker_id, { at: performance.now(), word });
    if (models.has(word.model)) return;
    models.add(word.model);
    onModel(word.model);
  });
  return { all, [Symbol.dispose]: () => hearing[Symbol.dispose]() };
}
