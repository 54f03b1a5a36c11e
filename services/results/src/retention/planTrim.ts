/** Pure: what has to stay in the log, how many bytes that is, and up to where finished history is dropped. */
import { outcomeReserve } from "@jetscribe/event-log/streams/logLimit";
import type { StreamState } from "@jetscribe/event-log/broker/streamState";
import { readerGivenUpAfterMs, type Queue } from "@jetscribe/schema";
import type { LogUse } from "@jetscribe/task-store";

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

/** A reader or a task that needs the log from a sequence on. */
export interface Hold {
  /** The first sequence that has to stay. */
  seq: number;
  by: string;
  /** Of an unfinished request: where it waits or runs. */
  queue?: Queue;
}

type Log = Pick<StreamState, "firstSeq" | "bytes">;

/** Everything that holds the log, the oldest first. `nowMs`: since the epoch. */
export function holdsOf(
  { checkpoint, oldestOpen, projections }: LogUse,
  nowMs: number,
): Hold[] {
  const holds: Hold[] = [
    { seq: checkpoint.seq + 1, by: "what the results service has read" },
    ...projections
      .filter(({ heardAt }) => nowMs - heardAt < readerGivenUpAfterMs)
      .map(({ name, seq }) => ({
        seq: seq + 1,
        by: `what the ${name} has read`,
      })),
  ];
  if (oldestOpen !== undefined)
    holds.push({ ...oldestOpen, by: "the oldest unfinished request" });
  return holds.sort((a, b) => a.seq - b.seq);
}

/**
 * At most the bytes from a sequence to the log's end. Places in the log are known by milestones: what is between two of
 * them is taken to stand where that makes the part longer.
 */
export function bytesFrom(seq: number, use: LogUse, log: Log): number {
  const from = use.milestones.findLast((milestone) => milestone.seq < seq);
  return Math.min(log.bytes, end(use, log) - (from?.bytes ?? begin(use, log)));
}

/** The first sequence from which on the log has at most so many bytes, as far as milestones tell. */
export function seqLeaving(bytes: number, use: LogUse, log: Log): number {
  const all = end(use, log);
  const at = use.milestones.find((milestone) => all - milestone.bytes <= bytes);
  return (at ?? use.checkpoint).seq + 1;
}

/** The bytes of all messages before the log's first one, since the projection was begun; at most. */
const begin = ({ milestones, checkpoint }: LogUse, { firstSeq }: Log) =>
  milestones.find(({ seq }) => seq >= firstSeq - 1)?.bytes ?? checkpoint.bytes;

/** What the projection has not read yet is only in the log's own count, and what was erased only in the other. */
const end = (use: LogUse, log: Log) =>
  Math.max(use.checkpoint.bytes, begin(use, log) + log.bytes);
