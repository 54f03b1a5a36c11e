/** The tasks that had no outcome at a snapshot, from what the index's file has of it. */
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { QueueNumbers } from "./queueNumbers.ts";
import { eventsPerSnapshot, nodesOver, snapshotBefore } from "./snapshots.ts";
import { isOpen, newRow, statuses, type TaskRow } from "./taskRow.ts";

/** Of a task that had no outcome at a moment. */
export type OpenRow = Pick<
  TaskRow,
  "queue" | "status" | "progress" | "startedAt"
>;

/** The tasks that had no outcome at a moment of the log, by their ids in hex. */
export interface OpenAt {
  /** The last event that counts. */
  seq: number;
  rows: ReadonlyMap<string, OpenRow>;
}

const columns = `id, queue, status, progress, started_at AS startedAt`;
const openStatuses = statuses.flatMap((_, status) =>
  isOpen({ status }) ? [status] : [],
);

type Found = OpenRow & { id: Uint8Array };

/** Reads the snapshot at or before a sequence; rows are whole ones, so that further events can be folded in. */
export function makeOpenAt(
  { db, sql }: Pick<OwnDatabase, "db" | "sql">,
  queues: Pick<QueueNumbers, "of">,
) {
  const still = db.prepare(
    `SELECT ${columns} FROM tasks INDEXED BY lists WHERE queue = ? AND status = ? AND since <= ?`,
  );
  const upTo = db.prepare(
    `SELECT ${columns} FROM stays WHERE node = ? AND until > ?`,
  );
  const beyond = db.prepare(
    `SELECT ${columns} FROM stays INDEXED BY stays_since WHERE node = ? AND since <= ?`,
  );

  return (moment: number): { seq: number; rows: Map<string, TaskRow> } => {
    const snapshot = snapshotBefore(moment);
    const seq = snapshot * eventsPerSnapshot;
    const rows = new Map<string, TaskRow>();
    function add(found: unknown): void {
      for (const { id, ...row } of found as Found[])
        rows.set(Buffer.from(id).toString("hex"), { ...newRow(), ...row });
    }
    if (snapshot === 0) return { seq, rows };
    for (const { number } of queues.of(undefined))
      for (const status of openStatuses) add(still.all(number, status, seq));
    const top = sql.get`SELECT max(node) AS node FROM stays`;
    const nodes = nodesOver(snapshot, Number(top?.["node"] ?? 0));
    for (const node of nodes.upTo) add(upTo.all(node, seq));
    for (const node of nodes.beyond) add(beyond.all(node, seq));
    return { seq, rows };
  };
}
