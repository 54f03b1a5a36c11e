/** Pure: which workers fell silent without a goodbye. Times are seconds since the epoch. */
import { goneAfter, type SeenWorker } from "@jetscribe/schema";

/** A worker that is heard is written so often. */
export const writeEveryS = 30;
/** So many of those that fell silent are remembered, the latest ones. */
export const maxLost = 100;

/** What was written of a worker is so old at most while a gateway hears it. */
const freshForS = (worker: SeenWorker): number =>
  2 * writeEveryS + goneAfter(worker) / 1_000;

/** Those of `seen`, the latest first, that are silent; `alive`: the ids of those that are heard. */
export const silentOf = (
  seen: readonly SeenWorker[],
  alive: ReadonlySet<string>,
): SeenWorker[] => seen.filter(({ worker_id }) => !alive.has(worker_id));

/** The ids of those that are too many: silent for every gateway, and not among the latest. */
export const tooMany = (seen: readonly SeenWorker[], nowS: number): string[] =>
  seen
    .filter((worker) => nowS - worker.last_heard_at > freshForS(worker))
    .slice(maxLost)
    .map(({ worker_id }) => worker_id);
