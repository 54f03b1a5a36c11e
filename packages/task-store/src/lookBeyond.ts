import { projectionPatienceMs } from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import type { Look } from "./look.ts";
import type { TaskReader } from "./taskReader.ts";

/** The log's end as it was read: when its stream was created, and its last sequence. */
export interface LogEnd {
  created: string;
  seq: number;
}

/** Whether the projection has read the log at least so far; while it rebuilds, it covers nothing. */
export function covers(look: Look | undefined, end: LogEnd): boolean {
  const { caughtUp, created, seq } = look?.checkpoint ?? {};
  return caughtUp === true && created === end.created && (seq ?? 0) >= end.seq;
}

/** It is mostly a commit behind; where it is more, it is not asked for that all the time. */
const again = { firstMs: 2, mostMs: 25 };

/**
 * Makes the look that waits, for 2 s at most, until the projection covers a log's end; undefined: it doesn't in that
 * time, or Redis is away. One that was waited for in vain is not waited for again until it has caught up.
 */
export function makeLookBeyond({ look }: Pick<TaskReader, "look">) {
  let late = false;

  return async (
    end: LogEnd,
    ids: readonly string[],
  ): Promise<Look | undefined> => {
    const until = performance.now() + (late ? 0 : projectionPatienceMs);
    for (let ms = again.firstMs; ; ms = Math.min(2 * ms, again.mostMs)) {
      const seen = await look(ids).catch(() => undefined);
      const isThere = covers(seen, end);
      if (isThere || performance.now() >= until) {
        late = !isThere;
        return isThere ? seen : undefined;
      }
      await sleep(ms);
    }
  };
}
