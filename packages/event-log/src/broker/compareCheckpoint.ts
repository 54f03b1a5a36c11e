import type { StreamState } from "./streamState.ts";

/**
 * Compares a reader's checkpoint with the log: the stream's creation, the last sequence that was read, its event's id.
 * - intact: go on behind it
 * - gap: the log begins later than right behind it; what is between is gone
 * - lost_tail: the log has another past than the one that was folded in
 *
 * `idAt` gives the ce-id at a sequence; undefined where there is no message, which proves nothing: it aged out or was erased.
 */
export async function compareCheckpoint(
  { created, seq, id }: { created: string; seq: number; id: string },
  log: Pick<StreamState, "created" | "firstSeq" | "lastSeq">,
  idAt: (seq: number) => Promise<string | undefined>,
) {
  if (created !== log.created || seq > log.lastSeq) return "lost_tail";
  if (seq < log.firstSeq - 1) return "gap";
  if (seq < log.firstSeq || id === "") return "intact";
  const found = await idAt(seq);
  return found === undefined || found === id ? "intact" : "lost_tail";
}
