/** Small facts that took a while to find out, kept in a JSON file of the data folder between starts. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";

export interface Facts<T> {
  get: (key: string) => T | undefined;
  set: (key: string, fact: T) => void;
}

/** A file that can't be read has no facts; one that can't be written keeps none. */
export function openFacts<T>(file: string, schema: z.ZodType<T>): Facts<T> {
  const all = z.record(z.string(), schema);

  function read(): Record<string, T> {
    try {
      return all.parse(JSON.parse(readFileSync(file, "utf8")));
    } catch {
      return {};
    }
  }

  return {
    get: (key) => read()[key],
    set(key, fact) {
      try {
        mkdirSync(join(file, ".."), { recursive: true });
        const fresh = `${file}.${process.pid}`;
        // Read again: another worker may have added its own meanwhile.
        const facts = { ...read(), [key]: fact };
        writeFileSync(fresh, JSON.stringify(facts, undefined, 2));
        renameSync(fresh, file);
      } catch {
        // Only a saving of time next time; a read-only folder must not keep the model from running.
      }
    },
  };
}
