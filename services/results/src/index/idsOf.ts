/** Ids of tasks in a range of the task index, the newest first: now, or at a moment of the past. */
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { OpenAt } from "./openAt.ts";
import { labelTexts, readLabels } from "./rows.ts";
import { isOpen } from "./taskRow.ts";

type Sql = Pick<OwnDatabase, "sql">;

/** The tasks of a queue with a status, between two ids; both are excluded. In hex. */
export interface Range {
  queue: number;
  status: number;
  above: string;
  below: string;
}

/** The ids in a range that match, so many at most. `end`: below it there was no more looking. `looked`: so many looks. */
export interface Found {
  ids: string[];
  end: string;
  looked: number;
}

export const lowest = "";
export const highest = "f".repeat(32);

export const bytes = (hex: string): Uint8Array => Buffer.from(hex, "hex");
export const hexOf = (id: unknown): string =>
  Buffer.from(id as Uint8Array).toString("hex");

export type Ids = ReturnType<typeof makeIds>;

/** `open`: the tasks that had no outcome at a moment of the past; undefined: as it is now. */
export function makeIds({ sql }: Sql, open?: OpenAt) {
  const seq = open?.seq ?? Number.MAX_SAFE_INTEGER;

  /** Those of a moment, which are in no range of the file. */
  function openIn({ queue, status, above, below }: Range): string[] {
    const ids: string[] = [];
    for (const [id, row] of open?.rows ?? [])
      if (row.queue === queue && row.status === status)
        if (id > above && id < below) ids.push(id);
    return ids.sort().reverse();
  }
  const isOfMoment = (range: Range) => open !== undefined && isOpen(range);

  function idsOf(range: Range, most: number): string[] {
    if (isOfMoment(range)) return openIn(range).slice(0, most);
    const { queue, status, above, below } = range;
    return sql.all`SELECT id FROM tasks INDEXED BY lists WHERE queue = ${queue} AND status = ${status}
      AND id > ${bytes(above)} AND id < ${bytes(below)} AND since <= ${seq} ORDER BY id DESC LIMIT ${most}`.map(
      ({ id }) => hexOf(id),
    );
  }

  /** As `idsWithLabels`, by a look at each. */
  function openWithLabels(
    range: Range,
    labels: readonly string[],
    { most, looks }: { most: number; looks: number },
  ): Found {
    const ids: string[] = [];
    let looked = 0;
    for (const id of openIn(range)) {
      if (ids.length >= most) break;
      if (looked === looks) return { ids, end: justAbove(id), looked };
      looked++;
      const own = new Set(labelTexts(readLabels(sql, bytes(id)) ?? {}));
      if (labels.every((label) => own.has(label))) ids.push(id);
    }
    return { ids, end: lowest, looked };
  }

  const isBefore = (id: string): boolean =>
    open === undefined ||
    Number(
      sql.get`SELECT since FROM tasks WHERE id = ${bytes(id)}`?.["since"],
    ) <= seq;

  /**
   * The ids that have all the labels. Each label's tasks are a range of their own; a look jumps to the next id of one
   * label that is not above the ids of the others. Fewer looks than labels may get no further.
   */
  function idsWithLabels(
    range: Range,
    labels: readonly string[],
    { most, looks }: { most: number; looks: number },
  ): Found {
    if (isOfMoment(range)) return openWithLabels(range, labels, { most, looks }); // prettier-ignore
    const { queue, status, above, below } = range;
    const ids: string[] = [];
    /** An id that so many labels in a row have; what is above it was decided. */
    let [at, having] = [below, 0];
    let looked = 0;
    while (ids.length < most) {
      const under = having > 0 ? justAbove(at) : at;
      if (looked >= looks) return { ids, end: under, looked };
      const label = labels[looked++ % labels.length] ?? "";
      const row = sql.get`SELECT id FROM labels WHERE queue = ${queue} AND status = ${status} AND label = ${label}
        AND id > ${bytes(above)} AND id < ${bytes(under)} ORDER BY id DESC LIMIT 1`;
      if (row === undefined) break;
      const id = hexOf(row["id"]);
      having = id === at ? having + 1 : 1;
      at = id;
      if (having < labels.length) continue;
      if (isBefore(id)) ids.push(id);
      having = 0;
    }
    return { ids, end: lowest, looked };
  }

  return { idsOf, idsWithLabels };
}

/** Above this id, and below every higher one: one text or blob that begins another is below it. */
const justAbove = (id: string): string => `${id}00`;
