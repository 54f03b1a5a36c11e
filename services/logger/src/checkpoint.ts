/**
 * How far the files are, in `LOG_DIR/.checkpoint.sqlite`. Whoever holds the lock on it leads; the system frees the lock
 * of a process that dies.
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
} from "@jetscribe/runtime/ownDatabase";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  markRows,
  rotationRows,
  schema,
  schemaVersion,
  taskRows,
  type Mark,
} from "./checkpointRows.ts";

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
