/**
 * Where each task's events stand in the log. On disk a SQLite file has one row for each task, with the sequences of its
 * events, and how far the log was read: rows and position change in one transaction, and the file's lock belongs to one
 * process. What came since is in memory.
 */
import type { Delivery } from "@jetscribe/event-log/read/pull";
import {
  openOwnDatabase,
  type OwnDatabase,
} from "@jetscribe/runtime/ownDatabase";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { decodeSeqs, encodeSeqs } from "./seqList.ts";

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
const schemaVersion = 1;
/** UUIDv7 keys come nearly in order, so the tree's pages are nearly full. */
const schema = `
  CREATE TABLE tasks (id BLOB PRIMARY KEY, seqs BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), created TEXT, seq INTEGER, id TEXT) STRICT`;
/** A row of many at once takes 1.0 µs, and 1.7 µs alone. */
const rowsAtOnce = 16;
/** Of processes that have an index in one folder. */
const maxFiles = 16;

/** Events gather in memory for so long, or until there are so many tasks: most tasks then need one insert. */
const flushEveryMs = 1_000;
const maxInMemory = 2_048;

export type TaskPlaces = ReturnType<typeof openTaskPlaces>;

/** Opens a file in this folder. It throws, here and later, where the file can't be read or written. */
export function openTaskPlaces(dir: string) {
  const file = openFile(dir);
  const rows = makeRows(file);
  const inMemory = new Map<string, number[]>();
  let position = rows.position();
  let flushedAt = performance.now();
  /** Where the log begins, while rows from before it may be there. */
  let removingBefore: number | undefined;

  function flush(): void {
    if (position === undefined) return;
    const { size } = inMemory;
    rows.add(inMemory, position);
    inMemory.clear();
    flushedAt = performance.now();
    if (removingBefore === undefined) return;
    // A few rows for each that came, so that it takes no long time at once.
    if (!rows.removeBefore(removingBefore, 2 * size + 1))
      removingBefore = undefined;
  }

  return {
    position: () => position,
    seqsOf: (taskId: string): number[] => [
      ...rows.seqsOf(taskId),
      ...(inMemory.get(taskId) ?? []),
    ],
    /** Takes in messages of the log, in order. */
    take(messages: readonly Delivery[]): void {
      let id = "";
      for (const message of messages) {
        id = message.header("Nats-Msg-Id");
        const taskId = id.slice(0, id.indexOf("."));
        const seqs = inMemory.get(taskId);
        if (seqs === undefined) inMemory.set(taskId, [message.seq]);
        else seqs.push(message.seq);
      }
      const seq = messages.at(-1)?.seq;
      if (position === undefined || seq === undefined) return;
      position = { ...position, seq, id };
      const isDue = performance.now() - flushedAt >= flushEveryMs;
      if (isDue || inMemory.size >= maxInMemory) flush();
    },
    /** Goes on from another place, where there is nothing in between. */
    moveTo: (next: Position) => void (position = next),
    /** Forgets everything, and begins from there. */
    restart(next: Position): void {
      inMemory.clear();
      rows.restart(next);
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

/** The 16 bytes of a UUID; fewer of anything else. */
const keyOf = (taskId: string): Uint8Array =>
  Buffer.from(taskId.replaceAll("-", ""), "hex");

function makeRows({ db, sql, atomically }: OwnDatabase) {
  const prepareAdd = (rows: number) =>
    db.prepare(
      `INSERT INTO tasks (id, seqs) VALUES ${new Array(rows).fill("(?, ?)").join()}
       ON CONFLICT (id) DO UPDATE SET seqs = CAST(seqs || x'00' || excluded.seqs AS BLOB)`,
    );
  const addOne = prepareAdd(1);
  const addMany = prepareAdd(rowsAtOnce);
  /** Behind the last row that was looked at for its age. */
  let cursor: Uint8Array = new Uint8Array();
  const moveTo = ({ created, seq, id }: Position) =>
    sql.run`INSERT OR REPLACE INTO position (one, created, seq, id) VALUES (1, ${created}, ${seq}, ${id})`;

  return {
    position: () =>
      sql.get`SELECT created, seq, id FROM position` as
        (Position & object) | undefined,
    /** The sequences of a task's events, in order. */
    seqsOf(taskId: string): number[] {
      const row = sql.get`SELECT seqs FROM tasks WHERE id = ${keyOf(taskId)}`;
      const seqs = row?.["seqs"];
      return seqs instanceof Uint8Array ? decodeSeqs(seqs) : [];
    },
    /** Adds the sequences of tasks' further events, and moves on. */
    add(
      tasks: ReadonlyMap<string, readonly number[]>,
      position: Position,
    ): void {
      atomically(() => {
        let rows: Uint8Array[] = [];
        for (const [id, seqs] of tasks) {
          const key = keyOf(id);
          if (key.length === 16) rows.push(key, encodeSeqs(seqs));
          if (rows.length < 2 * rowsAtOnce) continue;
          addMany.run(...rows);
          rows = [];
        }
        for (let i = 0; i < rows.length; i += 2)
          addOne.run(...rows.slice(i, i + 2));
        moveTo(position);
      });
    },
    restart(position: Position): void {
      atomically(() => {
        db.exec("DELETE FROM tasks");
        moveTo(position);
      });
      cursor = new Uint8Array();
    },
    /**
     * Looks at the next `most` rows, oldest ids first, and removes those with no event from `firstSeq` on. False: it
     * found nothing to remove, and begins with the oldest again.
     */
    removeBefore(firstSeq: number, most: number): boolean {
      const rows =
        sql.all`SELECT id, seqs FROM tasks WHERE id > ${cursor} ORDER BY id LIMIT ${most}` as {
          id: Uint8Array;
          seqs: Uint8Array;
        }[];
      const old = rows.filter(
        ({ seqs }) => (decodeSeqs(seqs).at(-1) ?? 0) < firstSeq,
      );
      atomically(() => {
        for (const { id } of old) sql.run`DELETE FROM tasks WHERE id = ${id}`;
      });
      const found = old.length > 0;
      cursor = (found ? rows.at(-1)?.id : undefined) ?? new Uint8Array();
      return found;
    },
  };
}
