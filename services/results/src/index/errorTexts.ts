/** The texts of failed tasks: a search scans them from the newest on, and looks into so many of them at most. */
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import { bytes, hexOf, lowest, type Found, type Range } from "./idsOf.ts";
import { statuses } from "./taskRow.ts";

type Sql = Pick<OwnDatabase, "sql">;

/** Of a page; with labels each text that matches takes further looks. */
const maxLooks = 10_000;
const maxLooksWithLabels = 4_000;

const failed = statuses.indexOf("failed");

/** What `LIKE … ESCAPE '\'` finds this text by, anywhere. */
const patternOf = (part: string): string =>
  `%${part.replace(/[%_\\]/g, String.raw`\$&`)}%`;

/** The looks that a page has, all ranges together. */
export const looksFor = (labels: number): number =>
  labels === 0 ? maxLooks : maxLooksWithLabels;

/**
 * The ids of a range of failed tasks whose text contains `text` and which have all the labels, the newest first, so many
 * at most. `looks`: into so many texts. `seq`: of failures up to that sequence.
 */
export function idsWithError(
  { sql }: Sql,
  { queue, above, below }: Range,
  text: string,
  labels: readonly string[],
  { most, looks, seq }: { most: number; looks: number; seq: number },
): Found {
  const [from, to] = [bytes(above), bytes(below)];
  const part = sql.get`SELECT count(*) AS looked, min(id) AS last FROM (SELECT id FROM errors
    WHERE queue = ${queue} AND id > ${from} AND id < ${to} ORDER BY id DESC LIMIT ${looks})`;
  const looked = Number(part?.["looked"]);
  if (looked === 0) return { ids: [], end: lowest, looked };
  const down = part?.["last"] as Uint8Array;
  const rows = sql.all`SELECT id FROM errors AS e WHERE queue = ${queue} AND id >= ${down} AND id < ${to}
    AND since <= ${seq} AND text LIKE ${patternOf(text)} ESCAPE '\\'
    AND NOT EXISTS (SELECT 1 FROM json_each(${JSON.stringify(labels)}) AS l WHERE NOT EXISTS
      (SELECT 1 FROM labels WHERE queue = e.queue AND status = ${failed} AND label = l.value AND id = e.id))
    ORDER BY id DESC LIMIT ${Math.min(most, looks)}`;
  const end = looked < looks ? lowest : hexOf(down);
  return { ids: rows.map(({ id }) => hexOf(id)), end, looked };
}

/** The text of a failed task, `TimeoutError: too slow`; "" where its events don't say it. */
export const readErrorText = (
  { sql }: Sql,
  queue: number,
  key: Uint8Array,
): string =>
  String(
    sql.get`SELECT text FROM errors WHERE queue = ${queue} AND id = ${key}`?.[
      "text"
    ] ?? "",
  );
