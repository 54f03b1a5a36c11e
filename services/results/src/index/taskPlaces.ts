/**
 * Where each task's events stand in the log, what the lists of tasks say of it, and the statistics of all. On disk a SQLite file has a row for
 * each task, and how far the log was read: rows and position change in one transaction, and the file's lock belongs to
 * one process. What came since is in memory.
 */
import { makeLatest } from "@jetscribe/event-log/read/latest";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import type {
  AnsweredPart,
  Density,
  DensityQuestion,
  ListQuestion,
  StatisticsQuestion,
  TaskPage,
} from "@jetscribe/event-log/read/taskIndex";
import {
  openOwnDatabase,
  type OwnDatabase,
} from "@jetscribe/runtime/ownDatabase";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { listTasks } from "./listTasks.ts";
import { openStatistics } from "../statistics/statistics.ts";
import type { Kept } from "../statistics/series.ts";
import { makeOpenAt, type OpenAt } from "./openAt.ts";
import { openQueueNumbers, openTasksIn } from "./queueNumbers.ts";
import { makeRows } from "./rows.ts";
import { schema, schemaVersion, type Position } from "./schema.ts";
import { densityOf, secondsPerTime } from "./times.ts";
import {
  foldInto,
  isOpen,
  newRow,
  openStateOf,
  type TaskRow,
} from "./taskRow.ts";

/** Of processes that have an index in one folder. */
const maxFiles = 16;

/** Events gather in memory for so long, or until there are so many tasks: most tasks then need one insert. */
const flushEveryMs = 1_000;
const maxInMemory = 2_048;
const maxOpen = 16_384;

export type TaskPlaces = ReturnType<typeof openTaskPlaces>;

/** Opens a file in this folder. It throws, here and later, where the file can't be read or written. */
export function openTaskPlaces(
  dir: string,
  kept: Kept,
  nowMs = () => performance.now(),
) {
  const file = openFile(dir);
  const rows = makeRows(file);
  const queues = openQueueNumbers(file);
  const openAt = makeOpenAt(file, queues);
  const openTasks = openTasksIn(file, queues);
  const statistics = openStatistics(file, kept, openTasks);
  /** Whole rows, of the tasks that had events since the last flush. */
  const inMemory = new Map<string, TaskRow>();
  /** Rows of open tasks as they stand in the file: their next events need no look into it. */
  let open = makeLatest<string, TaskRow>(maxOpen);
  /** The last sequence of each ten seconds, of those that are not in the file yet. */
  const times = new Map<number, number>();
  let position = rows.position();
  let flushedAt = nowMs();
  /** Where the log begins, while rows from before it may be there. */
  let removingBefore: number | undefined;

  function flush(): void {
    if (position === undefined) return;
    const { size } = inMemory;
    rows.put(inMemory, times, position, statistics.write);
    times.clear();
    for (const [id, row] of inMemory) if (isOpen(row)) open.set(id, row);
    inMemory.clear();
    flushedAt = nowMs();
    if (removingBefore === undefined) return;
    // A few rows for each that came, so that it takes no long time at once.
    const most = 2 * size + 1;
    rows.removeStaysBefore(removingBefore, 2 * most);
    if (!rows.removeBefore(removingBefore, most)) removingBefore = undefined;
  }

  function rowOf(taskId: string): TaskRow {
    const known = inMemory.get(taskId);
    if (known !== undefined) return known;
    const row = open.get(taskId) ?? rows.read(taskId) ?? newRow();
    open.delete(taskId);
    inMemory.set(taskId, row);
    return row;
  }

  function takeOne(message: Delivery, id: string): void {
    const row = rowOf(id.slice(0, id.indexOf(".")));
    const before = openStateOf(row);
    const kind = foldInto(row, message, id, queues.numberOf);
    if (kind === undefined) return;
    const wasStarted = row.startedAt !== null;
    const now = openStateOf(row);
    const scheduledS = row.labels?.scheduled_time ?? 0;
    statistics.note(message, { kind, before, now, wasStarted, scheduledS });
  }

  return {
    position: () => position,
    seqsOf: (taskId: string): readonly number[] =>
      (inMemory.get(taskId) ?? rows.read(taskId))?.seqs ?? [],
    /** `open`: the tasks that had no outcome at the moment that is asked about, where it is one of the past. */
    list(wanted: ListQuestion, open?: OpenAt): TaskPage {
      if (inMemory.size > 0) flush();
      return listTasks(file, queues, wanted, open);
    },
    /** The tasks that had no outcome at the last snapshot at or before a sequence. */
    snapshotAt(seq: number) {
      if (inMemory.size > 0) flush();
      return openAt(seq);
    },
    /** When the broker stored the request that made the task, by its id in hex; undefined: that is not in the file. */
    requestedAt: (hex: string) => rows.requestedAt(hex),
    density(wanted: DensityQuestion): Density {
      if (inMemory.size > 0) flush();
      return densityOf(file, wanted);
    },
    numberOf: queues.numberOf,
    queuesOf: queues.of,
    statistics(wanted: StatisticsQuestion): AnsweredPart[] {
      if (inMemory.size > 0) flush();
      return statistics.read(wanted);
    },
    /** When the latest event that was counted was stored, in seconds since the epoch; 0: not known. */
    latest: () => statistics.latest(),
    /** Takes in messages of the log, in order. */
    take(messages: readonly Delivery[]): void {
      let id = "";
      for (const message of messages) {
        id = message.header("Nats-Msg-Id");
        takeOne(message, id);
        times.set(Math.floor(message.time / secondsPerTime), message.seq);
      }
      const seq = messages.at(-1)?.seq;
      if (position === undefined || seq === undefined) return;
      position = { ...position, seq, id };
      const isDue = nowMs() - flushedAt >= flushEveryMs;
      if (isDue || inMemory.size >= maxInMemory) flush();
    },
    /** Goes on from another place, where there is nothing in between. */
    moveTo: (next: Position) => void (position = next),
    /** Forgets everything, and begins from there. */
    restart(next: Position): void {
      inMemory.clear();
      times.clear();
      open = makeLatest(maxOpen);
      rows.restart(next, () => statistics.restart());
      position = next;
    },
    /** The log begins there: what came before it goes, bit by bit. */
    removeBefore: (firstSeq: number) => void (removingBefore = firstSeq),
    flush,
    /** Where the error says that the file can't be read, it is removed when it is closed. Returns whether that is so. */
    discardIfCorrupt: file.discardIfCorrupt,
    /** Closes the file without what is only in memory. */
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/** Opens the first index in the folder that no other process has; one that can't be read is removed and made again. */
function openFile(dir: string): OwnDatabase {
  mkdirSync(dir, { recursive: true });
  for (let number = 1; number <= maxFiles; number++) {
    const path = join(dir, `tasks-${number}.sqlite`);
    const file = openOwnDatabase(path, { schema, version: schemaVersion });
    if (file !== undefined) return file;
  }
  throw new Error(`${maxFiles} processes have an index in ${dir}`);
}
