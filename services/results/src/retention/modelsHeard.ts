/** Pure but for the clock: which models may have a worker. */
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import type { Listening } from "./listening.ts";

export interface ModelsHeard {
  /** These models (slugs) have a worker now. */
  note: (models: readonly string[]) => void;
  /** For how many ms this instance has listened for the model's workers and heard none. */
  unheardMs: (model: string) => number;
}

export function makeModelsHeard(
  { forMs }: Listening,
  now = elapsedMs,
): ModelsHeard {
  const heardAt = new Map<string, number>();
  return {
    note(models) {
      for (const model of models) heardAt.set(model, now());
    },
    unheardMs: (model) =>
      Math.min(now() - (heardAt.get(model) ?? -Infinity), forMs()),
  };
}
