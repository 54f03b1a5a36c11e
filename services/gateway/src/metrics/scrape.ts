/** What `GET /metrics` says: the system's values, the tasks' as the results service counts them, and this gateway's own. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { askTaskMetrics } from "@jetscribe/event-log/signals/taskMetrics";
import { makeMetrics, type Metrics } from "@jetscribe/runtime/metrics";
import { measureProcess } from "@jetscribe/runtime/metrics/processMetrics";
import type { HealthResponse } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import type { LogRoom } from "../admission/logRoom.ts";
import type { ProjectionsHeard } from "../admission/projectionsHeard.ts";
import { makeReadRows, type RowDeps } from "../feed/readRows.ts";
import { backlogSeconds } from "./backlogSeconds.ts";
import type { CallCounts } from "./callCounts.ts";
import { makeReadLags } from "./projectionLags.ts";
import { makeSystemMetrics, type System } from "./systemMetrics.ts";

export interface ScrapeDeps extends RowDeps {
  broker: Broker;
  reader: Pick<TaskReader, "openCounts" | "backlog" | "look">;
  projections: Pick<ProjectionsHeard, "all" | "away" | "read">;
  room: Pick<LogRoom, "usage">;
  health: () => Promise<HealthResponse>;
  calls: Pick<CallCounts, "all">;
  natsCalls: Pick<CallCounts, "all">;
}

/** Texts in the OpenMetrics format, without a metric in common. */
export type Scrape = () => Promise<string[]>;

/** However many ask: the system is looked at so often. */
const freshForMs = 1_000;

export function makeScrape(deps: ScrapeDeps): Scrape {
  const metrics = makeMetrics();
  const setSystem = makeSystemMetrics(metrics);
  countCalls(metrics, deps.calls);
  countNatsCalls(metrics, deps.natsCalls);
  const readSystem = makeReadSystem(deps);
  /** Begun by the first scrape: a gateway that nobody scrapes has no timers for it. */
  let measuring: Promise<void> | undefined;
  let askedAt = -Infinity;
  let latest: Promise<string[]> | undefined;

  async function read(): Promise<string[]> {
    const [system, ofTasks] = await Promise.all([
      readSystem(),
      askTaskMetrics(deps.broker),
      (measuring ??= measureProcess(metrics)),
    ]);
    setSystem(system);
    return [await metrics.text(), ...(ofTasks === undefined ? [] : [ofTasks])];
  }

  return () => {
    const now = performance.now();
    if (latest !== undefined && now - askedAt < freshForMs) return latest;
    askedAt = now;
    latest = read();
    // One that failed is not kept.
    latest.catch(() => (latest = undefined));
    return latest;
  };
}

function makeReadSystem(deps: ScrapeDeps): () => Promise<System> {
  const { reader, workers, room, clock } = deps;
  const readLags = makeReadLags(deps);
  // The estimate of an idle queue is that of an owner who has nothing there.
  const readRows = makeReadRows(deps, "", undefined);
  return async () => {
    const [rows, backlogs, lags, health] = await Promise.all([
      readRows().catch(() => undefined),
      reader.backlog().catch(() => []),
      readLags(),
      deps.health(),
    ]);
    const all = workers.all();
    return {
      ...{ nowS: clock.nowS(), rows, lags, health, workers: all },
      backlog: backlogSeconds(rows === undefined ? [] : backlogs, all),
      log: room.usage(),
    };
  };
}

function countCalls({ counter }: Metrics, calls: Pick<CallCounts, "all">) {
  counter({
    name: "jetscribe_http_requests_total",
    help: "Calls that this gateway answered; the route none is of paths that are no route.",
    labels: ["method", "route", "status"],
    collect() {
      this.reset();
      for (const { count, ...labels } of calls.all()) this.inc(labels, count);
    },
  });
}

function countNatsCalls({ counter }: Metrics, calls: Pick<CallCounts, "all">) {
  counter({
    name: "jetscribe_nats_calls_total",
    help: "Calls by request and reply on NATS that this gateway answered.",
    labels: ["call", "status"],
    collect() {
      this.reset();
      for (const { count, route: call, status } of calls.all())
        this.inc({ call, status }, count);
    },
  });
}
