/**
 * Remembers workers beyond their end, in Redis for all gateways: one that falls silent without a goodbye has crashed, or
 * its machine has, and is shown until somebody dismisses it. Heartbeats are no events, so the log has nothing of it.
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { sweepEvery } from "@jetscribe/event-log/broker/sweepEvery";
import {
  announceEveryMs,
  goneAfter,
  goneAfterMs,
  type LostWorker,
  type SeenWorker,
  type WorkerAnnouncement,
} from "@jetscribe/schema";
import {
  forgetSeenWorkers,
  readSeenWorkers,
  writeSeenWorkers,
  type Store,
} from "@jetscribe/task-store";
import { unavailable } from "../apiError.ts";
import { silentOf, tooMany, writeEveryS } from "./lostWorkers.ts";

export type WorkerMemory = ReturnType<typeof makeWorkerMemory>;

const lookEveryMs = 1_000;
/** A heartbeat is late when two of them should have come. */
const lateAfter = 2;
/** While Redis is away so many goodbyes are kept, the latest ones. */
const maxLeft = 1_000;

/** What a gateway knows of a worker that it hears, or heard last. */
interface Heard {
  seen: SeenWorker;
  /** When that was written last. */
  writtenAt: number;
}

/** `nowS`: seconds since the epoch. */
export function makeWorkerMemory(
  broker: Pick<Broker, "connected" | "onReconnect">,
  store: Pick<Store, "redis">,
  nowS: () => number,
) {
  const heard = new Map<string, Heard>();
  /** Those that said goodbye, until Redis has forgotten them. */
  const left = new Set<string>();
  /** As of the latest look into Redis. */
  let lost: LostWorker[] = [];
  let since = performance.now();
  const forget = broker.onReconnect(() => void (since = performance.now()));

  function note(word: WorkerAnnouncement): void {
    const { worker_id: id } = word;
    const { writtenAt = -Infinity } = heard.get(id) ?? {};
    left.delete(id);
    if (!word.leaving)
      return void heard.set(id, { seen: seenOf(word, nowS()), writtenAt });
    heard.delete(id);
    // It ended as it should.
    left.add(id);
    const [oldest] = left;
    if (left.size > maxLeft && oldest !== undefined) left.delete(oldest);
    void forgetLeft();
  }

  /** Never rejects: while Redis is away it is tried again. */
  async function forgetLeft(): Promise<void> {
    const ids = [...left];
    try {
      await forgetSeenWorkers(store, ids);
      for (const id of ids) left.delete(id);
    } catch {
      // The next look does it.
    }
  }

  const isSilent = ({ seen }: Heard, now: number): boolean =>
    now - seen.last_heard_at >= goneAfter(seen) / 1_000;

  const alive = (): ReadonlySet<string> => {
    const now = nowS();
    return new Set(
      [...heard].flatMap(([id, one]) => (isSilent(one, now) ? [] : [id])),
    );
  };

  /** Writes what is due: a worker's first word, one from time to time, and its last; and forgets who left. */
  function look(): void {
    void forgetLeft();
    const now = nowS();
    const due = [...heard].filter(
      ([, one]) => now - one.writtenAt >= writeEveryS || isSilent(one, now),
    );
    if (due.length === 0) return;
    for (const [id, one] of due) {
      one.writtenAt = now;
      if (isSilent(one, now)) heard.delete(id);
    }
    void write(due);
  }

  /** Never rejects: while Redis is away the words are kept, and written once it is back. */
  async function write(due: readonly (readonly [string, Heard])[]) {
    try {
      await writeSeenWorkers(
        store,
        due.map(([, { seen }]) => seen),
      );
      const all = await readSeenWorkers(store);
      await forgetSeenWorkers(store, tooMany(all, nowS()));
    } catch {
      for (const [id, one] of due)
        if (!left.has(id))
          heard.set(id, { ...(heard.get(id) ?? one), writtenAt: -Infinity });
    }
  }

  /** Nobody is silent whom one has not listened to for so long. */
  const hasListened = (): boolean =>
    broker.connected && performance.now() - since >= goneAfterMs;

  const looking = sweepEvery(lookEveryMs, look);
  return {
    note,
    /** When the last heartbeat of a worker came, where the next one is late; in seconds since the epoch. */
    heardLateAt(id: string): number | undefined {
      const { seen } = heard.get(id) ?? {};
      if (seen === undefined) return undefined;
      const { every_ms = announceEveryMs, last_heard_at: at } = seen;
      return (nowS() - at) * 1_000 >= lateAfter * every_ms ? at : undefined;
    },
    /** Those that fell silent, the latest first; while Redis or the broker is away as they were known before. */
    async lost(): Promise<readonly LostWorker[]> {
      if (!hasListened()) return lost;
      const seen = await readSeenWorkers(store).catch(() => undefined);
      if (seen !== undefined)
        lost = silentOf(seen, alive()).map(
          ({ every_ms: _, ...worker }) => worker,
        );
      return lost;
    },
    /** For all gateways. False: no such worker is lost. Rejects with an ApiError where Redis is down. */
    dismiss: async (id: string): Promise<boolean> => {
      if (alive().has(id)) return false;
      try {
        return (await forgetSeenWorkers(store, [id])) > 0;
      } catch (cause) {
        const why = "Redis, which remembers lost workers, does not answer";
        throw unavailable(why, cause);
      }
    },
    [Symbol.dispose]() {
      looking[Symbol.dispose]();
      forget();
    },
  };
}

function seenOf(word: WorkerAnnouncement, last_heard_at: number): SeenWorker {
  const { worker_id, model, engine, device, slots, error } = word;
  const { started_at, engine_restarts, every_ms } = word;
  return {
    ...{ worker_id, model, engine, device, slots, error },
    ...{ started_at, engine_restarts, every_ms, last_heard_at },
  };
}
