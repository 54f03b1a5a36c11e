/** The names that have buckets of their own: so many in an hour, in the order in which they came. */
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { Queue } from "@jetscribe/schema";
import { keepNewest } from "./keepNewest.ts";
import {
  maxNames,
  nameIn,
  otherNames,
  seriesFor,
  type Series,
} from "./series.ts";

const hourS = 3_600;

export function makeNames({ sql }: Pick<OwnDatabase, "sql">) {
  const byHour = {
    model: new Map<number, Set<string>>(),
    owner: new Map<number, Set<string>>(),
  };

  /** Those in the file: what came since is known. */
  function read(of: Series["of"], hour: number): Set<string> {
    const rows = seriesFor(0, of).flatMap(
      ({ number }) =>
        sql.all`SELECT DISTINCT name FROM statistics WHERE series = ${number}
          AND start >= ${hour} AND start < ${hour + hourS} AND name <> ${otherNames}`,
    );
    return new Set(rows.map(({ name }) => String(name)));
  }

  return {
    /** The name under which the queue's tasks count at a time, in seconds since the epoch. */
    nameAt(of: Series["of"], at: number, queue: Queue): string {
      const hour = at - (at % hourS);
      let names = byHour[of].get(hour);
      if (names === undefined) byHour[of].set(hour, (names = read(of, hour)));
      const own = nameIn(of, queue);
      if (names.has(own)) return own;
      if (names.size >= maxNames[of]) return otherNames;
      names.add(own);
      return own;
    },
    /** All of them are in the file. */
    written(): void {
      keepNewest(byHour.model);
      keepNewest(byHour.owner);
    },
    clear(): void {
      for (const hours of Object.values(byHour)) hours.clear();
    },
  };
}
