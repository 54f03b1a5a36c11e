/** Which queues may have work that no wake-up told of, by the projection or else a list: decision 0003. */
import type { Queue } from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import type { HighWaterMark } from "../state/highWaterMark.ts";
import { listWorkQueues } from "../streams/topology.ts";

/** What a projection of the log says of a model's queues that have open tasks. */
export interface ActiveQueues {
  /** How far it has read the log; undefined: it says nothing. */
  checkpoint: { created: string; seq: number; caughtUp: boolean } | undefined;
  queues: readonly { queue: Queue; waiting: number; running: number }[];
}

export interface FoundWork {
  /** Queues with so many tasks that are not acknowledged. */
  queues: readonly { queue: Queue; tasks: number }[];
  /** Those of them in which tasks seem to wait; undefined: nothing is known. */
  waiting: readonly Queue[] | undefined;
}

/** Of the queues whose tasks all run so many are found at a time, by chance: some worker asks each of them soon. */
const maxRunningFound = 128;
/**
 * Of the groups of which tasks run so many: most of them have no room, which the broker takes a while to show. At one
 * time there are no more of them than slots of all workers.
 */
const maxGroupsFound = 16;

export interface FindOptions {
  /** A slug. */
  model: string;
  /** Reads what the projection says of the model's queues; absent: there is no projection. */
  readActive?: (() => Promise<ActiveQueues>) | undefined;
  /** How often all consumers may be listed, where the projection can't say what is active. */
  listEveryMs?: number;
}

export function makeFindWork(
  broker: Broker,
  { model, readActive, listEveryMs = 30_000 }: FindOptions,
) {
  let listedAt = -Infinity;
  /** The mark of the look before: a projection that gets on has read so far. */
  let earlier: HighWaterMark | undefined;

  async function active(
    mark: HighWaterMark,
  ): Promise<ActiveQueues | undefined> {
    const found = await readActive?.().catch(() => undefined);
    const { created, caughtUp } = found?.checkpoint ?? {};
    return caughtUp === true && created === mark.created ? found : undefined;
  }

  function getsOn({ checkpoint }: ActiveQueues, mark: HighWaterMark): boolean {
    if (earlier?.created !== mark.created) return true;
    return (checkpoint?.seq ?? 0) >= earlier.lastSeq;
  }

  async function list(): Promise<FoundWork> {
    listedAt = performance.now();
    const infos = await listWorkQueues(broker, model);
    return {
      queues: infos.map(({ queue, pending, ackPending }) => ({
        queue,
        tasks: pending + ackPending,
      })),
      waiting: infos
        .filter(({ pending }) => pending > 0)
        .map(({ queue }) => queue),
    };
  }

  return {
    /** `mark` is a reading of the log's end from just before. Rejects where the broker can't be asked. */
    async find(mark: HighWaterMark): Promise<FoundWork> {
      const projected = await active(mark);
      const isCurrent = projected !== undefined && getsOn(projected, mark);
      earlier = mark;
      if (isCurrent) return foundIn(projected);
      if (performance.now() - listedAt >= listEveryMs) return await list();
      // What a projection that stands still shows may have ended: good enough to ask, and for no conclusion.
      const queues = projected === undefined ? [] : foundIn(projected).queues;
      return { queues, waiting: undefined };
    },
    /** The broker may be another one: where the projection can't say, it is asked at once. */
    listAnew: () => void (listedAt = -Infinity),
  };
}

function foundIn({ queues }: ActiveQueues): FoundWork {
  const groups = queues.filter(isBusyGroup);
  const others = queues.filter((one) => !isBusyGroup(one));
  const withWaiting = queues.filter(({ waiting }) => waiting > 0);
  const found = [
    ...others.filter(({ waiting }) => waiting > 0),
    ...sample(
      others.filter(({ waiting }) => waiting === 0),
      maxRunningFound,
    ),
    ...sample(groups, maxGroupsFound),
  ];
  return {
    queues: found.map(({ queue, waiting, running }) => ({
      queue,
      tasks: waiting + running,
    })),
    waiting: withWaiting.map(({ queue }) => queue),
  };
}

const isBusyGroup = ({
  queue,
  running,
}: ActiveQueues["queues"][number]): boolean =>
  queue.group !== undefined && running > 0;

/** At most `count` of them, by chance. */
export function sample<T>(all: readonly T[], count: number): T[] {
  if (all.length <= count) return [...all];
  const from = Math.floor(Math.random() * all.length);
  return [...all.slice(from), ...all.slice(0, from)].slice(0, count);
}
