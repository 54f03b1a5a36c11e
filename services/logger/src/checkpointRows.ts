/** The checkpoint's three tables; what they are for stands in `checkpoint.ts`. */
import type { Sql } from "@jetscribe/runtime/ownDatabase";
import { isOpen, type OpenTask, type TaskState } from "@jetscribe/schema";

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

/** A file of another version is not read: the log files are built again. */
export const schemaVersion = 1;
export const schema = `
  CREATE TABLE marks (stream TEXT, second INTEGER, seq INTEGER, id TEXT, created TEXT, files TEXT,
    PRIMARY KEY (stream, second)) STRICT, WITHOUT ROWID;
  CREATE TABLE rotated (file TEXT, generation INTEGER, length INTEGER, name TEXT,
    PRIMARY KEY (file, generation)) STRICT, WITHOUT ROWID;
  CREATE TABLE tasks (task_id TEXT PRIMARY KEY, seq INTEGER, state TEXT, end_seq INTEGER, end_time REAL)
    STRICT, WITHOUT ROWID;
  CREATE INDEX ended ON tasks (end_time) WHERE end_time IS NOT NULL`;

export const markRows = (sql: Sql) => ({
  /** The newest first. */
  of: (stream: string): Mark[] =>
    sql.all`SELECT seq, id, created, files FROM marks WHERE stream = ${stream} ORDER BY seq DESC`.map(
      (row) =>
        ({
          ...row,
          files: JSON.parse(String(row["files"])) as unknown,
        }) as Mark,
    ),
  set: (stream: string, second: number, { seq, id, created, files }: Mark) =>
    sql.run`INSERT OR REPLACE INTO marks (stream, second, seq, id, created, files)
      VALUES (${stream}, ${second}, ${seq}, ${id}, ${created}, ${JSON.stringify(files)})`,
  removeBefore: (stream: string, second: number) =>
    sql.run`DELETE FROM marks WHERE stream = ${stream} AND second < ${second}`,
  removeAfter: (stream: string, seq: number) =>
    sql.run`DELETE FROM marks WHERE stream = ${stream} AND seq > ${seq}`,
});

export const taskRows = (sql: Sql) => ({
  get(taskId: string): OpenTask | "ended" | undefined {
    const row = sql.get`SELECT state, end_seq FROM tasks WHERE task_id = ${taskId}`;
    if (row === undefined) return undefined;
    if (row["end_seq"] !== null) return "ended";
    return JSON.parse(String(row["state"])) as OpenTask;
  },
  /** A task that began and ended since `from` needs no row: no mark lies in between. */
  set(task: TaskState, from: number): void {
    const { task_id, seq } = task;
    if (isOpen(task))
      sql.run`INSERT OR IGNORE INTO tasks (task_id, seq, state) VALUES (${task_id}, ${seq}, ${JSON.stringify(task)})`;
    else if (seq <= from)
      sql.run`UPDATE tasks SET end_seq = ${task.end_seq}, end_time = ${task.end_time} WHERE task_id = ${task_id}`;
  },
  removeBefore: (time: number) =>
    sql.run`DELETE FROM tasks WHERE end_time < ${time}`,
  removeAfter(seq: number): void {
    sql.run`DELETE FROM tasks WHERE seq > ${seq}`;
    sql.run`UPDATE tasks SET end_seq = NULL, end_time = NULL WHERE end_seq > ${seq}`;
  },
});

export const rotationRows = (sql: Sql) => ({
  /** Before the file is renamed. */
  noteRotation: (file: string, { generation, length, name }: Rotation) =>
    sql.run`INSERT INTO rotated (file, generation, length, name) VALUES (${file}, ${generation}, ${length}, ${name})`,
  /** Of this generation and later ones, the latest first. */
  rotationsSince: (file: string, generation: number) =>
    sql.all`SELECT generation, length, name FROM rotated
      WHERE file = ${file} AND generation >= ${generation} ORDER BY generation DESC` as unknown as Rotation[],
  rotationsBefore: (file: string, generation: number) =>
    sql.all`SELECT generation, length, name FROM rotated
      WHERE file = ${file} AND generation < ${generation}` as unknown as Rotation[],
  forgetRotationsSince: (file: string, generation: number) =>
    sql.run`DELETE FROM rotated WHERE file = ${file} AND generation >= ${generation}`,
  forgetRotation: (file: string, generation: number) =>
    sql.run`DELETE FROM rotated WHERE file = ${file} AND generation = ${generation}`,
});
