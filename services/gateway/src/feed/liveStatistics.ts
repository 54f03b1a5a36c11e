/** The latest rows of the statistics, for the charts of a page: asked for after events, once a second at most. */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import {
  liveSteps,
  shortestOwnerStepS,
  type NowStatistics,
} from "@jetscribe/schema";
import type { Statistics } from "../statistics/readStatistics.ts";

export interface LiveStatisticsDeps {
  statistics: Pick<Statistics, "readShown">;
  clock: Pick<BrokerClock, "nowS">;
}

const askEveryMs = 1_000;

/** `owner`: whose tasks count, as a slug; undefined for everybody's. */
export function makeLiveStatistics(
  { statistics, clock }: LiveStatisticsDeps,
  owner: string | undefined,
) {
  const steps = liveSteps.filter(
    (step) => owner === undefined || step >= shortestOwnerStepS,
  );
  /** Rows of steps that ended before are told, in seconds since the epoch. */
  let toldUpTo = clock.nowS();
  let askedAt = -Infinity;
  let isNew = false;

  /** Times only grow with the log, so the rows from there on are all that can have changed. */
  const partOf = (step: number) => ({
    from: Math.floor(toldUpTo / step) * step,
    to: (Math.floor(clock.nowS() / step) + 2) * step,
    step,
  });

  return {
    steps,
    /** Something happened that counts. */
    note: () => void (isNew = true),
    /** Undefined: nothing changed, or that is not known. Never rejects. */
    async changed(): Promise<NowStatistics | undefined> {
      if (!isNew || performance.now() - askedAt < askEveryMs) return undefined;
      askedAt = performance.now();
      isNew = false;
      const parts = steps.map(partOf);
      const found = await statistics
        .readShown(owner, parts)
        .catch(() => undefined);
      if (found === undefined) {
        isNew = true;
        return undefined;
      }
      toldUpTo = found.time;
      const rowsOf = found.parts.map(({ step, rows }) => ({ step, rows }));
      return { seq: found.position, steps: rowsOf };
    },
  };
}
