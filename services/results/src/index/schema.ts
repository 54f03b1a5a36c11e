/** The tables of the task index, and of the statistics. */
import { statisticsSchema } from "../statistics/buckets.ts";

/** The last event that was taken in. */
export interface Position {
  /** When the stream was created. */
  created: string;
  /** 0: none yet. */
  seq: number;
  /** The event's id; "" where that isn't known. */
  id: string;
}

/** A file of another version is not read: the index is built again. */
export const schemaVersion = 8;

/**
 * UUIDv7 keys come nearly in order, so the trees' pages are nearly full. `lists` has an owner's tasks of one queue and one
 * status in the order of their ids, and `labels` those of them with one label: a page of any filter is read from the
 * ends of such ranges. `errors` has the texts of its failed tasks in the same order, which a search scans.
 *
 * `since` is the sequence of the event that made a task's status. `stays` has what tasks were before, as far as a snapshot
 * needs it, and `times` the last sequence of each ten seconds: decision 0046.
 */
export const schema = `
  CREATE TABLE tasks (
    id BLOB PRIMARY KEY, seqs BLOB NOT NULL,
    queue INTEGER NOT NULL, status INTEGER NOT NULL, progress INTEGER NOT NULL,
    requested_at REAL NOT NULL, started_at REAL, ended_at REAL, error TEXT,
    since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX lists ON tasks (queue, status, id, since);
  CREATE TABLE stays (
    node INTEGER, until INTEGER, id BLOB, since INTEGER, queue INTEGER, status INTEGER, progress INTEGER, started_at REAL,
    PRIMARY KEY (node, until, id)) STRICT, WITHOUT ROWID;
  CREATE INDEX stays_since ON stays (node, since);
  CREATE TABLE times (at INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
  CREATE INDEX times_seq ON times (seq);
  CREATE TABLE queues (number INTEGER PRIMARY KEY, model TEXT, lane TEXT, owner TEXT) STRICT;
  CREATE TABLE labelled (id BLOB PRIMARY KEY, user_id TEXT, metadata TEXT, not_before REAL, scheduled_time REAL, in_group TEXT) STRICT, WITHOUT ROWID;
  CREATE TABLE labels (
    queue INTEGER, status INTEGER, label TEXT, id BLOB,
    PRIMARY KEY (queue, status, label, id)) STRICT, WITHOUT ROWID;
  CREATE TABLE errors (
    queue INTEGER, id BLOB, since INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (queue, id)) STRICT, WITHOUT ROWID;
  CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), created TEXT, seq INTEGER, id TEXT) STRICT;
  ${statisticsSchema}`;

/** The 16 bytes of a UUID; fewer of anything else. */
export const keyOf = (taskId: string): Uint8Array =>
  Buffer.from(taskId.replaceAll("-", ""), "hex");

/** The UUID of 16 bytes in hex. */
export const uuidOf = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
