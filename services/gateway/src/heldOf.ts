/** Pure: how much of the log has to stay in it. */
import type { StreamState } from "@jetscribe/event-log/streamState";
import type { LogUse } from "@jetscribe/task-store";

export interface Held {
  /** From the oldest that is still needed to the log's end. */
  bytes: number;
  /** What needs it. */
  by: string;
}

/** A projection that was silent for so long is given up: it will miss what the log has dropped. */
const givenUpAfterMs = 24 * 3_600_000;

/**
 * Places in the log are known by milestones: what is between two of them is taken to stand where that makes the held
 * part longer. `nowMs`: since the epoch.
 */
export function heldOf(
  { checkpoint, milestones, oldestOpen, projections }: LogUse,
  { firstSeq, bytes }: Pick<StreamState, "firstSeq" | "bytes">,
  nowMs: number,
): Held {
  const begin = before(firstSeq);
  // What the projection has not read yet is only in the log's own count, and what was erased only in the other.
  const end = Math.max(checkpoint.bytes, begin + bytes);

  /** At least the bytes from behind a sequence to the log's end. */
  function behind(seq: number): number {
    const from = milestones.findLast((one) => one.seq <= seq);
    return Math.min(bytes, end - (from?.bytes ?? begin));
  }
  /** At most the bytes before a sequence. */
  function before(seq: number): number {
    const upTo = milestones.find((one) => one.seq >= seq - 1);
    return upTo?.bytes ?? checkpoint.bytes;
  }

  const held = [
    { bytes: behind(checkpoint.seq), by: "what the results service has read" },
    ...projections
      .filter(({ heardAt }) => nowMs - heardAt < givenUpAfterMs)
      .map(({ name, seq }) => {
        return { bytes: behind(seq), by: `what the ${name} has read` };
      }),
  ];
  if (oldestOpen !== undefined)
    held.push({
      bytes: behind(oldestOpen - 1),
      by: "the oldest unfinished request",
    });
  return held.reduce((most, one) => (one.bytes > most.bytes ? one : most));
}
