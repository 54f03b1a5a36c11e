import type { Checkpoint, TaskReader } from "@jetscribe/task-store";
import { leaderBeatEveryMs, leaderGoneAfterMs } from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

/**
 * Waits until nobody leads, and gives the checkpoint that is there then. A newcomer doesn't wait where there is none;
 * anybody else does, since whoever leads may be just about to build it again. Undefined: aborted.
 */
export async function untilVacant(
  { look }: Pick<TaskReader, "look">,
  {
    newcomer,
    onSeen,
  }: { newcomer: boolean; onSeen: (checkpoint?: Checkpoint) => void },
  signal: AbortSignal,
): Promise<{ found: Checkpoint | undefined } | undefined> {
  let last: { found: Checkpoint | undefined; sinceMs: number } | undefined;
  while (!signal.aborted) {
    try {
      const { checkpoint: found } = await look([]);
      const nowMs = performance.now();
      onSeen(found);
      if (found === undefined ? newcomer : found.beat === 0) return { found };
      if (last === undefined || !isDeepStrictEqual(last.found, found))
        last = { found, sinceMs: nowMs };
      else if (nowMs - last.sinceMs >= leaderGoneAfterMs) return { found };
    } catch {
      last = undefined; // While Redis is away nobody can be seen.
    }
    await sleep(leaderBeatEveryMs, undefined, { signal }).catch(
      () => undefined,
    );
  }
  return undefined;
}
