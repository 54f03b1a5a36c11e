/** The checkpoint's three tables; what they are for stands in `checkpoint.ts`. */
import { isOpen, type OpenTask, type TaskState } from "@jetscribe/schema";
import type { DatabaseSync } from "node:sqlite";

/** Where a file stands. */
export interface Position {
  /** Counts the files of this name, from 1. */
  generation: number;
  /** Bytes. */
  length: number;
  /** The time of its first line in seconds since the epoch; 0: it has none. */
  began: number;
}

export interface Mark {
  /** The last sequence that was taken in; 0: none yet. */
  seq: number;
  /** Which message that is. */
  id: string;
  /** When the stream was created. */
  created: string;
  files: Record<string, Position>;
}

interface Rotation {
  generation: number;
  /** Its bytes in the end. */
  length: number;
  name: string;
}

/** Another one is not read: the files are built again. */
export const schemaVersion = 1;
export const schema = `
  CREATE TABLE marks (stream TEXT, second INTEGER, seq INTEGER, id TEXT, created TEXT, files TEXT,
    PRIMARY KEY (stream, second)) STRICT, WITHOUT ROWID;
  CREATE TABLE rotated (file TEXT, generation INTEGER, length INTEGER, name TEXT,
    PRIMARY KEY (file, generation)) STRICT, WITHOUT ROWID;
  CREATE TABLE tasks (task_id TEXT PRIMARY KEY, seq INTEGER, state TEXT, end_seq INTEGER, end_time REAL)
    STRICT, WITHOUT ROWID;
  CREATE INDEX ended ON tasks (end_time) WHERE end_time IS NOT NULL;
  PRAGMA user_version = ${schemaVersion};`;

export function markRows(db: DatabaseSync) {
  const all = db.prepare(
    "SELECT seq, id, created, files FROM marks WHERE stream = ? ORDER BY seq DESC",
  );
  const set = db.prepare(
    "INSERT OR REPLACE INTO marks (stream, second, seq, id, created, files) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const removeBefore = db.prepare(
    "DELETE FROM marks WHERE stream = ? AND second < ?",
  );
  const removeAfter = db.prepare(
    "DELETE FROM marks WHERE stream = ? AND seq > ?",
  );
  return {
    /** The newest first. */
    of: (stream: string): Mark[] =>
      (all.all(stream) as unknown as (Mark & { files: string })[]).map(
        (row) => ({
          ...row,
          files: JSON.parse(row.files) as Mark["files"],
        }),
      ),
    set(stream: string, second: number, mark: Mark): void {
      const { seq, id, created, files } = mark;
      set.run(stream, second, seq, id, created, JSON.stringify(files));
    },
    removeBefore: (stream: string, second: number) =>
      void removeBefore.run(stream, second),
    removeAfter: (stream: string, seq: number) =>
      void removeAfter.run(stream, seq),
  };
}

export function taskRows(db: DatabaseSync) {
  const get = db.prepare("SELECT state, end_seq FROM tasks WHERE task_id = ?");
  const insert = db.prepare(
    "INSERT OR IGNORE INTO tasks (task_id, seq, state) VALUES (?, ?, ?)",
  );
  const end = db.prepare(
    "UPDATE tasks SET end_seq = ?, end_time = ? WHERE task_id = ?",
  );
  const removeBefore = db.prepare("DELETE FROM tasks WHERE end_time < ?");
  const remove = db.prepare("DELETE FROM tasks WHERE seq > ?");
  const reopen = db.prepare(
    "UPDATE tasks SET end_seq = NULL, end_time = NULL WHERE end_seq > ?",
  );
  return {
    get: (taskId: string): OpenTask | "ended" | undefined => {
      const row = get.get(taskId);
      if (row === undefined) return undefined;
      if (row["end_seq"] !== null) return "ended";
      return JSON.parse(String(row["state"])) as OpenTask;
    },
    /** A task that began and ended since `from` needs no row: no mark lies in between. */
    set(task: TaskState, from: number): void {
      if (isOpen(task))
        insert.run(task.task_id, task.seq, JSON.stringify(task));
      else if (task.seq <= from)
        end.run(task.end_seq, task.end_time, task.task_id);
    },
    removeBefore: (time: number) => void removeBefore.run(time),
    removeAfter(seq: number): void {
      remove.run(seq);
      reopen.run(seq);
    },
  };
}

export function rotationRows(db: DatabaseSync) {
  const insert = db.prepare(
    "INSERT INTO rotated (file, generation, length, name) VALUES (?, ?, ?, ?)",
  );
  const since = db.prepare(
    "SELECT generation, length, name FROM rotated WHERE file = ? AND generation >= ? ORDER BY generation DESC",
  );
  const before = db.prepare(
    "SELECT generation, length, name FROM rotated WHERE file = ? AND generation < ?",
  );
  const removeSince = db.prepare(
    "DELETE FROM rotated WHERE file = ? AND generation >= ?",
  );
  const remove = db.prepare(
    "DELETE FROM rotated WHERE file = ? AND generation = ?",
  );
  return {
    /** Before the file is renamed. */
    noteRotation: (file: string, { generation, length, name }: Rotation) =>
      void insert.run(file, generation, length, name),
    /** Of this generation and later ones, the latest first. */
    rotationsSince: (file: string, generation: number) =>
      since.all(file, generation) as unknown as Rotation[],
    rotationsBefore: (file: string, generation: number) =>
      before.all(file, generation) as unknown as Rotation[],
    forgetRotationsSince: (file: string, generation: number) =>
      void removeSince.run(file, generation),
    forgetRotation: (file: string, generation: number) =>
      void remove.run(file, generation),
  };
}
