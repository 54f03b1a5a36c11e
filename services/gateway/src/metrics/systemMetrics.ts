/** What is true of the system when it is asked, as gauges: the same whichever gateway says it. */
import type { Metrics } from "@jetscribe/runtime/metrics";
import {
  slugOf,
  type HealthResponse,
  type NowRow,
  type WorkerAnnouncement,
} from "@jetscribe/schema";
import type { LogUsage } from "../admission/logUsage.ts";
import type { ProjectionLag } from "./projectionLags.ts";

export interface System {
  nowS: number;
  /** Undefined while Redis is away. */
  rows: readonly NowRow[] | undefined;
  /** In seconds, by model. */
  backlog: ReadonlyMap<string, number>;
  workers: readonly WorkerAnnouncement[];
  lags: readonly ProjectionLag[];
  log: LogUsage;
  health: Pick<
    HealthResponse,
    "nats" | "redis" | "overdue" | "log_full" | "stores_nothing" | "projections"
  >;
}

/** The function sets all of them; what is not known is left out. */
export function makeSystemMetrics(metrics: Metrics) {
  const parts = [
    queueGauges(metrics),
    workerGauges(metrics),
    projectionGauges(metrics),
    diskGauges(metrics),
    serverGauges(metrics),
  ];
  return (system: System): void => {
    for (const set of parts) set(system);
  };
}

const gaugeOf = <Label extends string = never>(
  { gauge }: Metrics,
  name: string,
  help: string,
  labels: readonly Label[] = [],
) => gauge<Label>({ name: `jetscribe_${name}`, help, labels });

function queueGauges(metrics: Metrics) {
  const labels = ["model", "lane"] as const;
  const of = (name: string, help: string) =>
    gaugeOf(metrics, name, help, labels);
  const waiting = of("tasks_waiting", "Tasks that wait for a worker.");
  const running = of("tasks_running", "Tasks that a worker has started.");
  const oldest = of(
    "oldest_waiting_seconds",
    "The age of the oldest task that waits; 0 where none does.",
  );
  const wait = of(
    "estimated_wait_seconds",
    "How long the next task of the owner with the longest queue would wait.",
  );
  const backlog = gaugeOf(
    metrics,
    "backlog_seconds",
    "What waits, in seconds of all workers of the model; +Inf where it has no worker.",
    ["model"],
  );
  return (system: System): void => {
    // What is gone since the last time stays no longer.
    for (const gauge of [waiting, running, oldest, wait, backlog])
      gauge.reset();
    for (const row of system.rows ?? []) {
      const of = { model: slugOf(row.model), lane: row.lane };
      waiting.set(of, row.queued);
      running.set(of, row.running);
      const { oldest_at: since = system.nowS } = row;
      oldest.set(of, Math.max(0, system.nowS - since));
      if (row.eta !== undefined) wait.set(of, row.eta);
    }
    for (const [model, seconds] of system.backlog)
      backlog.set({ model }, seconds);
  };
}

const stateOf = ({ model_loaded, live = true, error }: WorkerAnnouncement) => {
  if (model_loaded) return live ? "ready" : "stuck";
  return error ? "failed" : "loading";
};
const workerStates = ["ready", "loading", "failed", "stuck"] as const;

function workerGauges(metrics: Metrics) {
  const workers = gaugeOf(
    metrics,
    "workers",
    "Workers that were heard lately. stuck: the model is loaded and writes nothing.",
    ["model", "state"],
  );
  const slots = gaugeOf(
    metrics,
    "slots",
    "Tasks that the workers can run at once.",
    ["model"],
  );
  const busy = gaugeOf(metrics, "slots_busy", "Slots that have a task.", [
    "model",
  ]);
  return (system: System): void => {
    for (const gauge of [workers, slots, busy]) gauge.reset();
    const models = Map.groupBy(system.workers, ({ model }) => slugOf(model));
    for (const [model, all] of models) {
      for (const state of workerStates)
        workers.set(
          { model, state },
          all.filter((worker) => stateOf(worker) === state).length,
        );
      const sum = (of: (worker: WorkerAnnouncement) => number) =>
        all.reduce((total, worker) => total + of(worker), 0);
      slots.set(
        { model },
        sum((worker) => worker.slots),
      );
      // Those whose outcome is being stored are in hand too, and need no slot.
      busy.set(
        { model },
        sum((one) => Math.min(one.slots, one.tasks.length)),
      );
    }
  };
}

function projectionGauges(metrics: Metrics) {
  const of = (name: string, help: string) =>
    gaugeOf(metrics, `projection_${name}`, help, ["projection"]);
  const up = of("up", "1: it was heard within 6 s, and gets on.");
  const events = of("lag_events", "Events of the log that it has not read.");
  const seconds = of(
    "lag_seconds",
    "The age of the oldest event that it has not read; 0: it has read all.",
  );
  return ({ lags }: System): void => {
    for (const gauge of [up, events, seconds]) gauge.reset();
    for (const lag of lags) {
      const projection = lag.name;
      up.set({ projection }, Number(lag.up));
      if (lag.events !== undefined) events.set({ projection }, lag.events);
      if (lag.seconds !== undefined) seconds.set({ projection }, lag.seconds);
    }
  };
}

/** With `npm start` the log is on these disks too; the broker tells nothing of its own. */
function diskGauges(metrics: Metrics) {
  const of = (name: string, help: string) =>
    gaugeOf(metrics, `disk_${name}_bytes`, help, ["projection"]);
  const free = of("free", "Room on the disk that the projection writes to.");
  const size = of("size", "The size of that disk.");
  return ({ health }: System): void => {
    for (const gauge of [free, size]) gauge.reset();
    for (const { name: projection, disk } of health.projections ?? []) {
      if (disk === undefined) continue;
      free.set({ projection }, disk.free);
      size.set({ projection }, disk.total);
    }
  };
}

function serverGauges(metrics: Metrics) {
  const of = (name: string, help: string) => gaugeOf(metrics, name, help);
  const broker = of("broker_up", "1: the gateway is connected to NATS.");
  const stores = of("broker_stores", "1: NATS stores what it is sent.");
  const redis = of("redis_up", "1: Redis answers the gateway.");
  const accepts = of("log_accepts", "1: the log has room for requests.");
  const overdue = of("tasks_overdue", "Open tasks 10 s past their time.");
  const bytes = of("log_bytes", "What the log holds.");
  const reserved = of(
    "log_reserved_bytes",
    "Room in the log that is kept for the outcomes of unfinished tasks.",
  );
  const limit = of(
    "log_limit_bytes",
    "Where requests are refused: log_bytes and log_reserved_bytes together.",
  );
  return ({ health, log }: System): void => {
    broker.set(Number(health.nats));
    stores.set(Number(health.stores_nothing === undefined));
    redis.set(Number(health.redis));
    accepts.set(Number(health.log_full === undefined));
    overdue.set(health.overdue ?? 0);
    // It was not looked at yet.
    if (log.limit === 0) return;
    bytes.set(log.bytes);
    reserved.set(log.reserve);
    limit.set(log.limit);
  };
}
