/** A SQLite file that belongs to one process, and can be made again from the log: one that can't be read is thrown away. */
import { rmSync } from "node:fs";
import {
  DatabaseSync,
  type SQLInputValue,
  type StatementSync,
} from "node:sqlite";

export type OwnDatabase = ReturnType<typeof makeOwnDatabase>;

/**
 * Opens the file, or makes it; undefined where another process has it. The system frees the lock of a process that dies.
 * `schema` is SQL that makes the tables; a file of another `version` is thrown away. Throws where the file can't be opened
 * for another reason than what is in it.
 */
export function openOwnDatabase(
  path: string,
  wanted: { schema: string; version: number },
): OwnDatabase | undefined {
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    // NORMAL syncs before what is in the log of changes goes into the file: a crash of the machine leaves a whole one.
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      BEGIN EXCLUSIVE`);
    const version = db.prepare("PRAGMA user_version").get()?.["user_version"];
    if (version === 0)
      db.exec(`${wanted.schema}; PRAGMA user_version = ${wanted.version}`);
    db.exec("COMMIT");
    if (version === 0 || version === wanted.version)
      return makeOwnDatabase(db, path);
    db.close();
  } catch (error) {
    db.close();
    if (hasCode(error, codes.busy)) return undefined;
    if (!isCorrupt(error)) throw error;
  }
  remove(path);
  return openOwnDatabase(path, wanted);
}

function makeOwnDatabase(db: DatabaseSync, path: string) {
  let discarded = false;
  return {
    db,
    sql: makeSql(db),
    /** All of the change, or nothing of it. */
    atomically: (change: () => void): void => {
      db.exec("BEGIN");
      try {
        change();
        db.exec("COMMIT");
      } catch (error) {
        if (db.isTransaction) db.exec("ROLLBACK");
        throw error;
      }
    },
    /** Where the error says that the file can't be read, it is removed when it is closed. Returns whether that is so. */
    discardIfCorrupt: (error: unknown): boolean =>
      (discarded ||= isCorrupt(error)),
    [Symbol.dispose](): void {
      db.close();
      if (discarded) remove(path);
    },
  };
}

export type Sql = ReturnType<typeof makeSql>;

/**
 * Runs statements that are written in place, with values in them; each is prepared once. Node's own `createTagStore`
 * leaves the file locked when the database is closed.
 */
function makeSql(db: DatabaseSync) {
  const statements = new Map<TemplateStringsArray, StatementSync>();
  function prepare(text: TemplateStringsArray): StatementSync {
    const statement = statements.get(text) ?? db.prepare(text.join("?"));
    statements.set(text, statement);
    return statement;
  }
  type Values = SQLInputValue[];
  return {
    run: (text: TemplateStringsArray, ...values: Values) =>
      void prepare(text).run(...values),
    get: (text: TemplateStringsArray, ...values: Values) =>
      prepare(text).get(...values),
    all: (text: TemplateStringsArray, ...values: Values) =>
      prepare(text).all(...values),
    /** Row by row: who stops early has read no more. Until it ends, the same statement must not be run. */
    iterate: (text: TemplateStringsArray, ...values: Values) =>
      prepare(text).iterate(...values),
  };
}

function remove(path: string): void {
  for (const end of ["", "-wal", "-shm", "-journal"])
    rmSync(path + end, { force: true });
}

const codes = { busy: 5, corrupt: 11, notADatabase: 26 };

const hasCode = (error: unknown, code: number): boolean =>
  error instanceof Error &&
  "errcode" in error &&
  (Number(error.errcode) & 0xff) === code;

const isCorrupt = (error: unknown): boolean =>
  hasCode(error, codes.corrupt) || hasCode(error, codes.notADatabase);
