/** Pure: up to where finished history is dropped from the log. */
import { outcomeReserve } from "@jetscribe/event-log/streams/outcomeReserve";
import type { StreamState } from "@jetscribe/event-log/broker/streamState";
import type { LogUse } from "@jetscribe/task-store";
import { bytesFrom, seqLeaving } from "./logHolds.ts";

/** Shares of the limit: above the first the oldest goes, down to the second; a step is the third at least. */
const highWaterMark = 0.7;
const lowWaterMark = 0.6;
const smallestStep = 0.01;
/** The same of what the outcomes of unfinished tasks leave, so that finished history never makes a gateway refuse. */
const highWaterMarkOfRest = 0.85;
const lowWaterMarkOfRest = 0.75;
const day = 24 * 3_600_000;

/** The sizes, in bytes, above which and down to which the oldest goes. */
function waterMarks({ checkpoint: { open } }: LogUse, limit: number) {
  const rest = Math.max(0, limit - outcomeReserve(open));
  return {
    high: Math.min(highWaterMark * limit, highWaterMarkOfRest * rest),
    low: Math.min(lowWaterMark * limit, lowWaterMarkOfRest * rest),
  };
}

/** What is over its age by so much goes in however small a step. */
const patienceOf = (maxAgeMs: number) => Math.min(day, maxAgeMs / 10);

/**
 * The first sequence that stays; undefined: nothing goes now. `youngFrom`: the first sequence that is not over its age;
 * undefined: none is. `needed`: the first that has to stay. `limit`: of the log, in bytes.
 */
export function planTrim(
  use: LogUse,
  log: Pick<StreamState, "firstSeq" | "firstTimeMs" | "bytes">,
  { youngFrom, needed }: { youngFrom: number | undefined; needed: number },
  { limit, maxAgeMs }: { limit: number; maxAgeMs: number },
  nowMs: number,
): number | undefined {
  const { high, low } = waterMarks(use, limit);
  const forSize = log.bytes > high ? seqLeaving(low, use, log) : 0;
  const upTo = Math.min(needed, Math.max(forSize, youngFrom ?? 0));
  if (upTo <= log.firstSeq) return undefined;
  const gained = log.bytes - bytesFrom(upTo, use, log);
  const overdue = log.firstTimeMs < nowMs - maxAgeMs - patienceOf(maxAgeMs);
  return gained >= smallestStep * limit || overdue ? upTo : undefined;
}
