import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { overdueToldAfterS, type HealthResponse } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import type { LogRoom } from "../admission/logRoom.ts";
import type { NameClashes } from "../accept/models.ts";
import type { ProjectionsHeard } from "../admission/projectionsHeard.ts";
import type { Storing } from "../accept/storing.ts";
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";

/**
 * Healthy: both servers answer, and some worker has its model loaded and produces tokens. Degraded: it is, but some
 * requests are refused, a projection stands still or is away, or tasks are not ended in their time.
 */
export function makeHealth(
  broker: Pick<Broker, "connected">,
  reader: Pick<TaskReader, "ping" | "waits" | "overdue">,
  workers: Pick<WorkersHeard, "all">,
  deps: {
    clock: Pick<BrokerClock, "nowS">;
    clashes: Pick<NameClashes, "known">;
    room: Pick<LogRoom, "full" | "held">;
    projections: Pick<ProjectionsHeard, "all" | "away" | "projecting">;
    storing: Pick<Storing, "ok" | "trouble">;
  },
): () => Promise<HealthResponse> {
  const { projections, room, storing } = deps;
  return async () => {
    const [redis, waits, late] = await Promise.all([
      reader.ping().then(
        () => true,
        () => false,
      ),
      reader.waits().catch(() => []),
      reader.overdue(deps.clock.nowS() - overdueToldAfterS).catch(() => 0),
    ]);
    const nats = broker.connected && storing.ok();
    const heard = workers.all().map((announced) => {
      const { tasks, running: _, leaving: _1, ...said } = announced;
      const { unanswered: _2, every_ms: _3, ...worker } = said;
      // Those whose outcome is being stored are in hand too, and need no slot.
      return { ...worker, busy: Math.min(worker.slots, tasks.length) };
    });
    const works = heard.some(
      ({ model_loaded, live = true }) => model_loaded && live,
    );
    const clashes = [...deps.clashes.known().values()];
    const model_clashes = clashes.map((names) => [...names]);
    const clash = model_clashes.length > 0;
    const read = projections
      .all()
      .map(({ name, seq, caught_up, error, disk }) => ({
        ...{ name, seq, caught_up, error, disk },
      }));
    const log_full = room.full();
    const stuck = read.some(({ error }) => error !== undefined);
    const away = projections.away();
    // While the projection is away, what it shows as open may have ended.
    const overdue = projections.projecting() ? late : 0;
    const well =
      clash || stuck || away.length > 0 || overdue > 0 || log_full !== undefined
        ? "degraded"
        : "healthy";
    const status = nats && redis && works ? well : "unhealthy";
    return {
      status,
      nats,
      redis,
      workers: heard,
      projections: read,
      stores_nothing: storing.trouble(),
      ...(away.length > 0 && { away }),
      log_full,
      ...(overdue > 0 && { overdue }),
      log_held: room.held(),
      ...(clash && { model_clashes }),
      wait_error: waitErrorOf(waits),
    };
  };
}

/** A wait under a second counts as one: nobody cares by what factor a moment was missed. */
const minS = 1;

/** How wrong the estimated waits were. */
export function waitErrorOf(
  waits: readonly { estimated: number; real: number }[],
): HealthResponse["wait_error"] {
  if (waits.length === 0) return undefined;
  const errors = waits
    .map(({ estimated, real }) => {
      return Math.abs(estimated - real) / Math.max(real, minS);
    })
    .sort((a, b) => a - b);
  const at = (share: number) => {
    const error = errors[Math.ceil(share * errors.length) - 1] ?? 0;
    return Math.round(error * 1_000) / 1_000;
  };
  return { median: at(0.5), p90: at(0.9), tasks: waits.length };
}
