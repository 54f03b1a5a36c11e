/** The workers as they announce themselves; one that misses three announcements is gone. */
import { goneAfter, type WorkerAnnouncement } from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { heardWithin } from "../broker/heardWithin.ts";
import { hearWorkers } from "./signals.ts";

export type WorkersHeard = ReturnType<typeof hearAllWorkers>;

/**
 * Hears the workers of all models. `onModel` is told each model (as people see it) that was not heard before, `onWord`
 * each heartbeat.
 */
export function hearAllWorkers(
  broker: Broker,
  onModel: (model: string) => void = () => undefined,
  onWord: (word: WorkerAnnouncement) => void = () => undefined,
) {
  const heard = heardWithin<WorkerAnnouncement>(goneAfter);
  const models = new Set<string>();
  const hearing = hearWorkers(broker, (word) => {
    onWord(word);
    if (word.leaving) heard.forget(word.worker_id);
    else heard.note(word.worker_id, word);
    if (models.has(word.model)) return;
    models.add(word.model);
    onModel(word.model);
  });
  return {
    /** Those that are not gone, by their ids. */
    all: () => heard.all().sort((a, b) => (a.worker_id < b.worker_id ? -1 : 1)),
    [Symbol.dispose]: () => hearing[Symbol.dispose](),
  };
}
