/**
 * How far the files are, in `LOG_DIR/.checkpoint.sqlite`; whoever holds its lock leads: decision 0015.
 *
 * - marks: per stream and second, for ten minutes: what was read, and where the files stood then. The newest is the
 *   checkpoint; the others are what the files can be cut back to.
 * - rotated: what became of the earlier generations of a file; written before the file is renamed.
 * - tasks: the open ones, and those that ended within these ten minutes, in case their end is cut off.
 */
import { makeLatest } from "@jetscribe/event-log/read/latest";
import { isOpen, type OpenTask, type TaskState } from "@jetscribe/schema";
import {
  openOwnDatabase,
  type OwnDatabase,
  type Sql,
} from "@jetscribe/runtime/ownDatabase";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A stream, and whether the tasks are made from it. */
interface Whose {
  stream: string;
  hasTasks: boolean;
}

export type Checkpoint = ReturnType<typeof makeCheckpoint>;

const standbyMs = 200;
const keptSeconds = 600;
/** Rows that are too old are removed as often. */
const tidyEverySeconds = 10;

/** So many open tasks are known without a look into the file: those that changed last. */
const maxInMemory = 2_000;

/** Opens the checkpoint once nobody else has it; rejects with the signal's reason. */
export async function openCheckpoint(
  dir: string,
  { signal, onStandby }: { signal: AbortSignal; onStandby: () => void },
): Promise<Checkpoint> {
  const path = join(dir, ".checkpoint.sqlite");
  for (let waited = false; ; waited = true) {
    signal.throwIfAborted();
    mkdirSync(dir, { recursive: true });
    // One that can't be read is thrown away: the files are built again from the log.
    const file = openOwnDatabase(path, { schema, version: schemaVersion });
    if (file !== undefined) return makeCheckpoint(file, path);
    if (!waited) onStandby();
    await sleep(standbyMs, undefined, { signal });
  }
}

function makeCheckpoint(file: OwnDatabase, path: string) {
  const { sql, atomically } = file;
  const { ino } = statSync(path);
  const tasks = taskRows(sql);
  const marks = markRows(sql);
  const tidied = new Map<string, number>();
  /** As they are in the file. */
  let open = makeLatest<string, OpenTask>(maxInMemory);

  return {
    ...rotationRows(sql),
    marks: marks.of,
    task: (id: string) => open.get(id) ?? tasks.get(id),
    /** Whether it is still the file that stands at its path. */
    get intact(): boolean {
      return statSync(path, { throwIfNoEntry: false })?.ino === ino;
    },
    /** Takes in what a batch changed; `from`: the sequence of the mark before it. `time`: seconds since the epoch. */
    commit(
      { stream, hasTasks }: Whose,
      mark: Mark,
      {
        time,
        changed,
        from,
      }: { time: number; changed: readonly TaskState[]; from: number },
    ): void {
      const second = Math.floor(time);
      atomically(() => {
        for (const task of changed) tasks.set(task, from);
        marks.set(stream, second, mark);
        if (Math.abs(second - (tidied.get(stream) ?? 0)) < tidyEverySeconds)
          return;
        tidied.set(stream, second);
        marks.removeBefore(stream, second - keptSeconds);
        if (hasTasks) tasks.removeBefore(second - keptSeconds);
      });
      for (const task of changed)
        if (isOpen(task)) open.set(task.task_id, task);
        else open.delete(task.task_id);
    },
    /** Forgets what came after a sequence; 0: all of the stream. */
    cutBack({ stream, hasTasks }: Whose, seq: number): void {
      atomically(() => {
        marks.removeAfter(stream, seq);
        if (hasTasks) tasks.removeAfter(seq);
      });
      if (hasTasks) open = makeLatest(maxInMemory);
    },
    discardIfCorrupt: file.discardIfCorrupt,
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

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
const schemaVersion = 1;
const schema = `
  CREATE TABLE marks (stream TEXT, second INTEGER, seq INTEGER, id TEXT, created TEXT, files TEXT,
    PRIMARY KEY (stream, second)) STRICT, WITHOUT ROWID;
  CREATE TABLE rotated (file TEXT, generation INTEGER, length INTEGER, name TEXT,
    PRIMARY KEY (file, generation)) STRICT, WITHOUT ROWID;
  CREATE TABLE tasks (task_id TEXT PRIMARY KEY, seq INTEGER, state TEXT, end_seq INTEGER, end_time REAL)
    STRICT, WITHOUT ROWID;
  CREATE INDEX ended ON tasks (end_time) WHERE end_time IS NOT NULL`;

const markRows = (sql: Sql) => ({
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

const taskRows = (sql: Sql) => ({
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

const rotationRows = (sql: Sql) => ({
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
