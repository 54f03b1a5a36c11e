/**
 * The view `now`: what waits and runs by model and lane, workers with what their slots hold, the latest failures, and how
 * the system is. Redis is read after events, four times a second at most, and each second while a task waits for its
 * `not_before`; the rest is in memory, or looked at each second.
 */
import type { StoredEvent } from "@jetscribe/event-log/codec/storedEvent";
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";
import {
  kinds,
  type HealthResponse,
  type NowDelta,
  type NowSnapshot,
} from "@jetscribe/schema";
import type { StreamRooms } from "../health/streamRooms.ts";
import type { WorkerMemory } from "../health/workerMemory.ts";
import type { Models } from "../accept/models.ts";
import type { ProjectionsHeard } from "../admission/projectionsHeard.ts";
import { seesAllOwners, type ApiKey } from "../keys/apiKeys.ts";
import type { Lists } from "../list/listTasks.ts";
import { makeChanges } from "./changes.ts";
import { makeFailures } from "./failures.ts";
import {
  makeLiveStatistics,
  type LiveStatisticsDeps,
} from "./liveStatistics.ts";
import { makeReadRows, type RowDeps } from "./readRows.ts";
import { shownWorker } from "./shownWorker.ts";
import { noCounts } from "./tellEvent.ts";
import type { Content } from "./view.ts";

export interface NowDeps extends RowDeps, LiveStatisticsDeps {
  lists: Pick<Lists, "listTasks">;
  models: Pick<Models, "nameOf">;
  workers: Pick<WorkersHeard, "all">;
  projections: Pick<ProjectionsHeard, "all">;
  health: () => Promise<HealthResponse>;
  memory: Pick<WorkerMemory, "lost" | "heardLateAt">;
  streamRooms: StreamRooms;
}

/** What no event tells is looked at so often. */
const lookEveryMs = 1_000;
/** Health and lost workers ask Redis. */
const stateEveryMs = 2_000;

/** What is true of the whole system, whoever looks. */
type SystemState = Pick<NowSnapshot, "health" | "lost" | "streams">;

async function readSystem(deps: NowDeps): Promise<SystemState> {
  const [{ workers: _, ...health }, lost, streams] = await Promise.all([
    deps.health(),
    deps.memory.lost(),
    deps.streamRooms(),
  ]);
  return { health, lost: [...lost], streams };
}

/** Pure: the parts of it that are other than before. */
function changedOf(
  before: SystemState | undefined,
  now: SystemState,
): Partial<SystemState> {
  const isNew = (part: keyof SystemState) =>
    JSON.stringify(now[part]) !== JSON.stringify(before?.[part]);
  return {
    ...(isNew("health") && { health: now.health }),
    ...(isNew("lost") && { lost: now.lost }),
    ...(isNew("streams") && { streams: now.streams }),
  };
}

export function nowContent(deps: NowDeps, key: ApiKey): Content {
  const { workers, projections } = deps;
  /** Whose tasks are shown; undefined: everybody's. */
  const owner = seesAllOwners(key) ? undefined : key.owner;
  const readRows = makeReadRows(deps, key.owner, owner);
  const failures = makeFailures(deps, key, owner);
  const statistics = makeLiveStatistics(deps, owner);
  const rows = makeChanges<NowSnapshot["rows"][number]>(
    ({ model, lane }) => `${lane} ${model}`,
  );
  const shown = makeChanges<NowSnapshot["workers"][number]>(
    ({ worker_id }) => worker_id,
  );
  let seq = 0;
  let counts = noCounts();
  /** The projection had read so far when the rows were read. */
  let rowsAsOf = 0;
  let state: SystemState | undefined;
  let stateAt = -Infinity;

  /** What changed since it was read before. */
  async function readState(): Promise<Partial<SystemState>> {
    if (performance.now() - stateAt < stateEveryMs) return {};
    stateAt = performance.now();
    const before = state;
    state = await readSystem(deps);
    return changedOf(before, state);
  }

  /** The projection tells of an event some time after the log has it. */
  const isBehind = () => rowsAsOf < seq;

  /** A time that comes is no event. */
  const waitsForTime = () => rows.all().some(({ later = 0 }) => later > 0);

  async function readCounts() {
    const all = projections.all();
    const asOf = all.find(({ name }) => name === "results")?.seq ?? 0;
    // While Redis is away the rows stay as they were, and health says so.
    const read = await readRows().catch(() => undefined);
    if (read === undefined) return [];
    rowsAsOf = asOf;
    return rows.set(read).changed;
  }

  const lookAtWorkers = () =>
    shown.set(
      workers
        .all()
        .map((worker) =>
          shownWorker(worker, owner, deps.memory.heardLateAt(worker.worker_id)),
        ),
    );

  function take(event: StoredEvent): boolean {
    const { type } = event;
    seq = event.seq;
    if (owner !== undefined && event.queue.owner !== owner) return false;
    counts[kinds[type].word]++;
    statistics.note();
    if (type === "GenerateFailed") failures.note(event);
    return true;
  }

  return {
    onlyDeltas: true,
    take,
    async read() {
      seq = await failures.read();
      counts = noCounts();
      await Promise.all([readCounts(), readState()]);
      lookAtWorkers();
      return seq;
    },
    watch(onChange) {
      const timer = setInterval(onChange, lookEveryMs);
      return { [Symbol.dispose]: () => clearInterval(timer) };
    },
    snapshot() {
      if (state === undefined) throw new Error("the view was not read");
      const data: NowSnapshot = {
        ...{ view: "now", seq, rows: rows.all(), workers: shown.all() },
        ...{ failures: failures.all(), ...state },
        shortest_step: statistics.steps[0] ?? 0,
      };
      return { event: "snapshot", data };
    },
    async news() {
      const told = counts;
      counts = noCounts();
      const [changedRows, changedState, changedStatistics] = await Promise.all([
        isBehind() || waitsForTime() ? readCounts() : [],
        readState().catch((): Partial<SystemState> => ({})),
        statistics.changed(),
      ]);
      const { changed, gone } = lookAtWorkers();
      const changedFailures = failures.changed();
      const isNew =
        changedRows.length + changed.length + gone.length > 0 ||
        Object.values(told).some((count) => count > 0);
      const isSame =
        Object.keys(changedState).length === 0 && !changedStatistics;
      if (!isNew && !changedFailures && isSame) return undefined;
      const data: NowDelta = {
        ...{ seq, rows: changedRows, workers: changed, gone, counts: told },
        ...(changedFailures && { failures: changedFailures }),
        ...(changedStatistics && { statistics: changedStatistics }),
        ...changedState,
      };
      return { event: "delta", data };
    },
  };
}
