/** Looks at the projection that have to show all that the log had at a time. */
import { projectionPatienceMs, type TaskState } from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import type { HighWaterMark } from "./highWaterMark.ts";

/** Tasks and checkpoint of the projection as they were at one instant. */
export interface Look {
  /** How far the log is folded in; undefined: nothing is projected. */
  checkpoint: { created: string; seq: number; caughtUp: boolean } | undefined;
  /** In the order of the ids; undefined: unknown, or its outcome has expired. */
  tasks: (TaskState | undefined)[];
}

/** The projection as this package is given it: only the task store knows where it is kept. */
export interface Projection {
  /** Rejects where it can't be read. */
  look: (ids: readonly string[]) => Promise<Look>;
  /** Waits for the projection to read up to a sequence; false: it has not. Absent: it is looked at until it has. */
  reaches?: (seq: number) => Promise<boolean>;
}

/** Whether the projection has read the log at least so far; while it rebuilds, it covers nothing. */
export function covers(look: Look | undefined, mark: HighWaterMark): boolean {
  const { caughtUp, created, seq = 0 } = look?.checkpoint ?? {};
  return caughtUp === true && created === mark.created && seq >= mark.lastSeq;
}

/** It is mostly a commit behind; where it is more, it is not asked for that all the time. */
const again = { firstMs: 2, longestMs: 25 };

/**
 * Makes the look that waits, for 2 s at most, until the projection covers a high-water mark; undefined: it doesn't in
 * that time, or it is away. One that was waited for in vain is not waited for again until it has caught up.
 */
export function makeCoveringLook({ look, reaches }: Projection) {
  let isLate = false;

  return async (
    mark: HighWaterMark,
    ids: readonly string[],
  ): Promise<Look | undefined> => {
    if ((await reaches?.(mark.lastSeq)) === false) return undefined;
    const until = performance.now() + (isLate ? 0 : projectionPatienceMs);
    for (let ms = again.firstMs; ; ms = Math.min(2 * ms, again.longestMs)) {
      const seen = await look(ids).catch(() => undefined);
      const isThere = covers(seen, mark);
      if (isThere || performance.now() >= until) {
        isLate = !isThere;
        return isThere ? seen : undefined;
      }
      await sleep(ms);
    }
  };
}
