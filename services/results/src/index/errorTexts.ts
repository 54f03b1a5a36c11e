/** The texts of failed tasks: a search scans them from the newest on, and looks into so many of them at most. */
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import { bytes, hexOf, lowest, type Range } from "./idsOf.ts";
import { statuses } from "./taskRow.ts";

type Sql = Pick<OwnDatabase, "sql">;

/** All ranges of a page together; with labels each text that matches takes further looks. */
const maxLooks = 10_000;
const maxLooksWithLabels = 4_000;
const fewestLooks = 64;

const failed = statuses.indexOf("failed");

/** What `LIKE … ESCAPE '\'` finds this text by, anywhere. */
const patternOf = (part: string): string =>
  `%${part.replace(/[%_\\]/g, String.raw`\$&`)}%`;

/** The looks that each of so many ranges has. */
export const looksFor = (ranges: number, labels: number): number =>
  Math.max(
    fewestLooks,
    Math.floor((labels === 0 ? maxLooks : maxLooksWithLabels) / ranges),
  );

/**
 * The ids of a range of failed tasks whose text contains `part` and which have all the labels, the newest first, so many
 * at most. `seq`: of failures up to that sequence. `end`: below it there was no more looking.
 */
export function idsWithError(
  { sql }: Sql,
  { queue, above, below }: Range,
  part: string,
  labels: readonly string[],
  { most, looks, seq }: { most: number; looks: number; seq: number },
): { ids: string[]; end: string } {
  const [from, to] = [bytes(above), bytes(below)];
  const last = sql.get`SELECT id FROM errors WHERE queue = ${queue} AND id > ${from} AND id < ${to}
    ORDER BY id DESC LIMIT 1 OFFSET ${looks - 1}`;
  const end = last === undefined ? lowest : hexOf(last["id"]);
  const down = last === undefined ? from : (last["id"] as Uint8Array);
  const rows = sql.all`SELECT id FROM errors AS e WHERE queue = ${queue} AND id >= ${down} AND id > ${from} AND id < ${to}
    AND since <= ${seq} AND text LIKE ${patternOf(part)} ESCAPE '\\'
    AND NOT EXISTS (SELECT 1 FROM json_each(${JSON.stringify(labels)}) AS l WHERE NOT EXISTS
      (SELECT 1 FROM labels WHERE queue = e.queue AND status = ${failed} AND label = l.value AND id = e.id))
    ORDER BY id DESC LIMIT ${Math.min(most, looks)}`;
  return { ids: rows.map(({ id }) => hexOf(id)), end };
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
