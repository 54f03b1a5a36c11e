/** The rows of the task index in its file. */
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { SQLInputValue } from "node:sqlite";
import { keyOf, type Position } from "./schema.ts";
import { forkOf, snapshotBefore } from "./snapshots.ts";
import { decodeSeqs, encodeSeqs } from "./seqList.ts";
import { statuses, type Labels, type TaskRow } from "./taskRow.ts";

/** A row of many at once takes less than one alone. */
const rowsAtOnce = 16;
const columns = 10;

const failed = statuses.indexOf("failed");

type StoredRow = Omit<TaskRow, "seqs" | "labels" | "stays"> & {
  seqs: Uint8Array;
};

export function makeRows({ db, sql, atomically }: OwnDatabase) {
  const preparePut = (rows: number) =>
    db.prepare(
      `INSERT INTO tasks VALUES ${new Array(rows).fill(`(?${", ?".repeat(columns - 1)})`).join()}
       ON CONFLICT (id) DO UPDATE SET seqs = excluded.seqs, queue = excluded.queue, status = excluded.status,
         progress = excluded.progress, requested_at = excluded.requested_at, started_at = excluded.started_at,
         ended_at = excluded.ended_at, error = excluded.error, since = excluded.since`,
    );
  const putOne = preparePut(1);
  const putMany = preparePut(rowsAtOnce);
  /** The newest id in the file: most requests are newer, and then it is known that they have no row. */
  let newest = newestId();
  /** Whether any task has labels. */
  let anyLabels = sql.get`SELECT 1 FROM labelled LIMIT 1` !== undefined;
  /** Behind the last row that was looked at for its age. */
  let cursor: Uint8Array = new Uint8Array();
  const moveTo = ({ created, seq, id }: Position) =>
    sql.run`INSERT OR REPLACE INTO position (one, created, seq, id) VALUES (1, ${created}, ${seq}, ${id})`;

  function newestId(): string {
    const row = sql.get`SELECT hex(max(id)) AS id FROM tasks`;
    return String(row?.["id"] ?? "").toLowerCase();
  }

  const find = (key: Uint8Array) =>
    sql.get`SELECT seqs, queue, status, progress, requested_at AS requestedAt, started_at AS startedAt, ended_at AS endedAt, error, since
      FROM tasks WHERE id = ${key}` as (StoredRow & object) | undefined;

  const labelsOf = (key: Uint8Array): Labels | undefined =>
    anyLabels ? readLabels(sql, key) : undefined;

  /** The task's row; undefined: it has none. */
  function read(taskId: string): TaskRow | undefined {
    if (taskId.replaceAll("-", "") > newest) return undefined;
    const key = keyOf(taskId);
    const row = find(key);
    if (row === undefined) return undefined;
    return { ...row, seqs: decodeSeqs(row.seqs), labels: labelsOf(key) };
  }

  function putLabels(key: Uint8Array, row: TaskRow, labels: Labels): void {
    const before = anyLabels ? find(key) : undefined;
    if (before?.queue === row.queue && before.status === row.status) return;
    if (before !== undefined && before.queue !== 0)
      dropLabels(key, before, labels);
    for (const label of labelTexts(labels))
      sql.run`INSERT OR IGNORE INTO labels VALUES (${row.queue}, ${row.status}, ${label}, ${key})`;
    if (before?.queue) return;
    const {
      user_id = null,
      metadata,
      not_before = null,
      scheduled_time = null,
      group = null,
    } = labels;
    sql.run`INSERT OR REPLACE INTO labelled VALUES (${key}, ${user_id}, ${metadata ? JSON.stringify(metadata) : null}, ${not_before}, ${scheduled_time}, ${group})`;
    anyLabels = true;
  }

  function dropLabels(
    key: Uint8Array,
    { queue, status }: Pick<TaskRow, "queue" | "status">,
    labels: Labels,
  ): void {
    for (const label of labelTexts(labels))
      sql.run`DELETE FROM labels WHERE queue = ${queue} AND status = ${status} AND label = ${label} AND id = ${key}`;
  }

  /** Removes a task and all that is said of it. */
  function remove(
    id: Uint8Array,
    row: Pick<StoredRow, "queue" | "status">,
  ): void {
    const labels = labelsOf(id);
    if (labels) {
      dropLabels(id, row, labels);
      sql.run`DELETE FROM labelled WHERE id = ${id}`;
    }
    if (row.status === failed)
      sql.run`DELETE FROM errors WHERE queue = ${row.queue} AND id = ${id}`;
    sql.run`DELETE FROM tasks WHERE id = ${id}`;
  }

  const putError = (key: Uint8Array, { queue, since }: TaskRow, text: string) =>
    sql.run`INSERT OR REPLACE INTO errors VALUES (${queue}, ${key}, ${since}, ${text})`;

  function putStays(key: Uint8Array, row: TaskRow): void {
    for (const stay of row.stays ?? []) {
      const { queue, status, progress, startedAt, since, until } = stay;
      const node = forkOf(since, until) ?? 0;
      sql.run`INSERT OR REPLACE INTO stays VALUES (${node}, ${until}, ${key}, ${since}, ${queue}, ${status}, ${progress}, ${startedAt})`;
    }
    row.stays = undefined;
  }

  return {
    position: () =>
      sql.get`SELECT created, seq, id FROM position` as
        (Position & object) | undefined,
    read,
    /** Writes whole rows and what belongs to them, and moves on. */
    put(
      tasks: ReadonlyMap<string, TaskRow>,
      times: ReadonlyMap<number, number>,
      position: Position,
      putMore: () => void,
    ): void {
      atomically(() => {
        let rows: SQLInputValue[] = [];
        for (const [id, row] of tasks) {
          const key = keyOf(id);
          if (key.length !== 16) continue;
          if (row.labels !== undefined) putLabels(key, row, row.labels);
          if (row.stays !== undefined) putStays(key, row);
          if (row.errorText) putError(key, row, row.errorText);
          rows.push(key, encodeSeqs(row.seqs), row.queue, row.status);
          rows.push(row.progress, row.requestedAt, row.startedAt);
          rows.push(row.endedAt, row.error, row.since);
          if (rows.length < columns * rowsAtOnce) continue;
          putMany.run(...rows);
          rows = [];
        }
        for (let i = 0; i < rows.length; i += columns)
          putOne.run(...rows.slice(i, i + columns));
        for (const [at, seq] of times)
          sql.run`INSERT OR REPLACE INTO times VALUES (${at}, ${seq})`;
        putMore();
        moveTo(position);
      });
      newest = newestId();
    },
    requestedAt(hex: string): number | undefined {
      const row = sql.get`SELECT requested_at FROM tasks WHERE id = ${Buffer.from(hex, "hex")}`;
      return row && Number(row["requested_at"]);
    },
    restart(position: Position, removeMore: () => void): void {
      atomically(() => {
        db.exec(`DELETE FROM tasks; DELETE FROM labelled; DELETE FROM labels;
          DELETE FROM errors; DELETE FROM stays; DELETE FROM times`);
        removeMore();
        moveTo(position);
      });
      newest = "";
      anyLabels = false;
      cursor = new Uint8Array();
    },
    /**
     * What no moment from `firstSeq` on needs goes, so many stays at most: only nodes that lie before it have such.
     */
    removeStaysBefore(firstSeq: number, most: number): void {
      const node = snapshotBefore(firstSeq);
      sql.run`DELETE FROM stays WHERE (node, until, id) IN
        (SELECT node, until, id FROM stays WHERE node < ${node} AND until <= ${firstSeq} LIMIT ${most})`;
      sql.run`DELETE FROM times WHERE seq < ${firstSeq}`;
    },
    /**
     * Looks at the next `most` rows, oldest ids first, and removes those with no event from `firstSeq` on. False: there is
     * nothing more to remove, and it begins with the oldest again.
     */
    removeBefore(firstSeq: number, most: number): boolean {
      const rows = (
        sql.all`SELECT id, seqs, queue, status FROM tasks WHERE id > ${cursor} ORDER BY id LIMIT ${most}` as (Pick<
          StoredRow,
          "seqs" | "queue" | "status"
        > & { id: Uint8Array })[]
      ).map((row) => ({ ...row, seqs: decodeSeqs(row.seqs) }));
      const old = rows.filter(({ seqs }) => (seqs.at(-1) ?? 0) < firstSeq);
      atomically(() => {
        for (const row of old) remove(row.id, row);
      });
      // Ids are nearly in the order of the log: behind a task that was requested after its beginning none is old.
      const last = rows.at(-1);
      const goesOn = old.length > 0 || (last?.seqs[0] ?? firstSeq) < firstSeq;
      cursor = (goesOn ? last?.id : undefined) ?? new Uint8Array();
      return goesOn;
    },
  };
}

/** The labels of a task; undefined: it has none. */
export function readLabels(
  sql: OwnDatabase["sql"],
  key: Uint8Array,
): Labels | undefined {
  const row = sql.get`SELECT user_id, metadata, not_before, scheduled_time, in_group FROM labelled WHERE id = ${key}`;
  if (row === undefined) return undefined;
  const { user_id, metadata, not_before, scheduled_time, in_group } = row;
  return {
    ...(typeof user_id === "string" && { user_id }),
    ...(typeof metadata === "string" && {
      metadata: JSON.parse(metadata) as Record<string, string>,
    }),
    ...(typeof not_before === "number" && { not_before }),
    ...(typeof scheduled_time === "number" && { scheduled_time }),
    ...(typeof in_group === "string" && { group: in_group }),
  };
}

/** Each label as one text: a user's id is a JSON string, a pair of metadata a JSON array, a group the name itself. */
export const labelTexts = ({
  user_id,
  metadata = {},
  group,
}: Labels): string[] => [
  ...(user_id === undefined ? [] : [JSON.stringify(user_id)]),
  ...(group === undefined ? [] : [group]),
  ...Object.entries(metadata).map((pair) => JSON.stringify(pair)),
];
