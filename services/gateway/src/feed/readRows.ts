/** What waits and runs by model and lane, from the projection in Redis. */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";
import { Lane, slugOf, taskIdTime, type NowRow } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import type { Models } from "../accept/models.ts";
import type { Forecast } from "../forecast/forecast.ts";

export interface RowDeps {
  reader: Pick<TaskReader, "openCounts">;
  models: Pick<Models, "nameOf">;
  workers: Pick<WorkersHeard, "all">;
  forecast: Pick<Forecast, "ofQueue">;
  clock: Pick<BrokerClock, "nowS">;
}

type Counts = Awaited<ReturnType<RowDeps["reader"]["openCounts"]>>;

/**
 * `self`: for whom an estimate is made where nothing waits; `owner`: whose tasks count, undefined for everybody's. Both
 * are slugs. The function rejects where Redis is away.
 */
export function makeReadRows(
  { reader, models, workers, forecast }: RowDeps,
  self: string,
  owner: string | undefined,
) {
  function rowOf(model: string, lane: Lane, counts: Counts): NowRow {
    const sum = (of: "waiting" | "running" | "later") =>
      counts.reduce((total, one) => total + one[of], 0);
    const times = counts.flatMap(({ oldest = "" }) => taskIdTime(oldest) ?? []);
    const longest = counts.reduce(
      (most, one) => (one.waiting > most.waiting ? one : most),
      { queue: { model, lane, owner: self }, waiting: 0 },
    );
    const eta = forecast.ofQueue(longest.queue);
    const later = sum("later");
    return {
      ...{ model: models.nameOf(model), lane },
      ...{ queued: sum("waiting"), running: sum("running") },
      ...(later > 0 && { later }),
      ...(times.length > 0 && { oldest_at: Math.min(...times) / 1_000 }),
      ...(eta !== undefined && { eta }),
    };
  }

  return async (): Promise<NowRow[]> => {
    const counts = (await reader.openCounts()).filter(
      ({ queue }) => owner === undefined || queue.owner === owner,
    );
    const served = workers.all().map(({ model }) => slugOf(model));
    const all = new Set([...served, ...counts.map(({ queue }) => queue.model)]);
    return [...all].flatMap((model) =>
      Lane.options.map((lane) => {
        const own = counts.filter(
          ({ queue }) => queue.model === model && queue.lane === lane,
        );
        return rowOf(model, lane, own);
      }),
    );
  };
}
