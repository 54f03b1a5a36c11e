/** How long tasks will wait: for those that are accepted, without a word to any server, and for those that wait. */
import {
  slugOf,
  type Queue,
  type TasksAhead,
  type TaskState,
  type WorkerAnnouncement,
} from "@jetscribe/schema";
import {
  meanUsual,
  placeIn,
  type Backlog,
  type Place,
  type TaskReader,
} from "@jetscribe/task-store";
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";

/** What awaits a task when it is accepted. */
export interface Outlook {
  tasks_ahead: TasksAhead;
  /** In seconds; undefined where no worker has finished a task yet. */
  wait: number | undefined;
}

export type Forecast = ReturnType<typeof makeForecast>;

export function makeForecast(
  reader: Pick<TaskReader, "backlog">,
  workers: Pick<WorkersHeard, "all">,
) {
  /** All queues by their names; undefined: they could not be read. */
  let known: Map<string, Backlog> | undefined;
  /** Those of them in which something waits: the others are in nobody's way. */
  let busy = new Map<string, Backlog>();
  let askedAt = -Infinity;
  let freshForMs = freshFor(0);

  function refresh() {
    const now = performance.now();
    if (now - askedAt < freshForMs) return;
    askedAt = now;
    capacities.clear();
    reader.backlog().then(take, () => {
      // Redis is away: an older reading says nothing any more.
      known = undefined;
    });
  }

  function take(backlogs: Backlog[]) {
    freshForMs = freshFor(performance.now() - askedAt);
    const named = backlogs.map(
      (backlog) => [nameOf(backlog.queue), backlog] as const,
    );
    known = new Map(named);
    busy = new Map(named.filter(([, backlog]) => backlog.waiting > 0));
  }

  /** As long as a reading of what waits. */
  const capacities = new Map<string, Capacity>();
  function capacity(model: string): Capacity {
    const found = capacities.get(model);
    if (found !== undefined) return found;
    const ofModel = workers
      .all()
      .filter((worker) => slugOf(worker.model) === model);
    const made = capacityOf(ofModel);
    capacities.set(model, made);
    return made;
  }

  /** Of a task that is accepted now; undefined: that isn't known. Counts it as waiting from now on. */
  function ofNext(queue: Queue, concurrency?: number): Outlook | undefined {
    refresh();
    if (known === undefined) return undefined;
    const name = nameOf(queue);
    const own = known.get(name) ?? { queue, waiting: 0, usual: undefined };
    own.usual ??= meanUsual(known.values(), queue.model);
    known.set(name, own);
    busy.set(name, own);
    const place = placeIn(busy.values(), queue, own.waiting);
    const ahead = own.waiting++;
    // A negative number would make it an event that no worker can read.
    const others = Math.max(0, place.position - 1 - ahead);
    return {
      tasks_ahead: { own: ahead, others },
      wait: estimateWait(place, capacity(queue.model), concurrency),
    };
  }

  return {
    ofNext,
    /** How long a task of the queue would wait that is accepted now, in seconds; undefined: that isn't known. */
    ofQueue(queue: Queue): number | undefined {
      refresh();
      if (known === undefined) return undefined;
      const waiting = known.get(nameOf(queue))?.waiting ?? 0;
      const place = placeIn(busy.values(), queue, waiting);
      return estimateWait(place, capacity(queue.model));
    },
    /** Of a task that waits in this place, in seconds; undefined: that isn't known. */
    of(task: TaskState, place: Place): number | undefined {
      refresh();
      const { model, group_concurrency } = task;
      return estimateWait(place, capacity(slugOf(model)), group_concurrency);
    },
  };
}

const nameOf = ({ model, lane, owner, group = "" }: Queue) =>
  `${model}:${lane}:${owner}:${group}`;

/** A reading is believed at least so long, in ms. */
const minMs = 250;
const maxMs = 5_000;
/** Readings of what waits take a twentieth of the time at most, however many queues are active. */
const share = 20;

/** How long a reading that took so many ms is believed, in ms. */
export const freshFor = (tookMs: number): number =>
  Math.min(Math.max(minMs, share * tookMs), maxMs);

type Capacity = ReturnType<typeof capacityOf>;

/** What the workers of a model can do: their slots without a task, and the speed of all with all slots in use. */
export function capacityOf(workers: readonly WorkerAnnouncement[]) {
  const capacity = { free: 0, slots: 0, tokensPerSecond: 0 };
  for (const { slots, tasks, tokens_per_second = 0 } of workers) {
    capacity.slots += slots;
    capacity.free += Math.max(0, slots - tasks.length);
    capacity.tokensPerSecond += tokens_per_second;
  }
  return capacity;
}

/**
 * Seconds; undefined where no worker has finished a task yet. Its start waits until as many tasks as come before it
 * have ended, and one that runs, which leaves its slot to it: as many as `place` counts, less the free slots. And it waits
 * for the tasks of its group that come before it, of which so many run at once.
 */
export function estimateWait(
  { position, tokens, group }: Place,
  capacity: Capacity,
  concurrency = 1,
): number | undefined {
  const { free, slots, tokensPerSecond } = capacity;
  const ahead = (group?.ahead ?? 0) / concurrency;
  if (position <= free && ahead === 0) return 0;
  if (tokens === undefined || tokensPerSecond === 0) return undefined;
  const ofSlots = ((tokens / position) * (position - free)) / tokensPerSecond;
  const ofGroup = (ahead * (group?.usual ?? 0) * slots) / tokensPerSecond;
  const seconds = Math.max(0, ofSlots, ofGroup);
  return Math.round(seconds * 1_000) / 1_000;
}
