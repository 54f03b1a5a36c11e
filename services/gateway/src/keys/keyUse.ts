/** When each key was used last: noted in memory at each call, and written to Redis once a minute at most. */
import { sweepEvery } from "@jetscribe/event-log/broker/sweepEvery";
import { readKeyUse, writeKeyUse, type Store } from "@jetscribe/task-store";

export type KeyUse = ReturnType<typeof makeKeyUse>;

const lookEveryMs = 1_000;
const writeAfterS = 60;

/** `nowS`: seconds since the epoch. */
export function makeKeyUse(store: Pick<Store, "redis">, nowS: () => number) {
  /** Since the latest look. */
  const noted = new Set<string>();
  /** In seconds since the epoch, as this gateway saw it. */
  const usedAt = new Map<string, number>();
  const writtenAt = new Map<string, number>();

  function look(): void {
    const now = nowS();
    const due = new Map<string, number>();
    for (const id of noted) {
      usedAt.set(id, now);
      if (now - (writtenAt.get(id) ?? 0) >= writeAfterS) due.set(id, now);
    }
    noted.clear();
    for (const id of due.keys()) writtenAt.set(id, now);
    // What is lost while Redis is away is written with a later use.
    writeKeyUse(store, due).catch(() => {
      for (const id of due.keys()) writtenAt.delete(id);
    });
  }
  const looking = sweepEvery(lookEveryMs, look);

  return {
    note: (id: string): void => void noted.add(id),
    /** Seconds since the epoch by the keys' ids, as far as this gateway and Redis know. */
    async read(): Promise<ReadonlyMap<string, number>> {
      look();
      const all = await readKeyUse(store).catch(
        () => new Map<string, number>(),
      );
      for (const [id, at] of usedAt)
        all.set(id, Math.max(at, all.get(id) ?? 0));
      return all;
    },
    [Symbol.dispose]: () => looking[Symbol.dispose](),
  };
}
