/** Two ways to find failed tasks by a part of their error, with equal texts: a scan in the order of ids, and an index of trigrams. */
import { openOwnDatabase } from "@jetscribe/runtime/ownDatabase";
import { newTaskId } from "@jetscribe/schema";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyOf, schema } from "../services/results/src/index/schema.ts";
import { median, round, type Figures, type Options } from "./figures.ts";

/** Times the number of tasks. */
const MANY = 10;
const AT_ONCE = 1_000;
const TURNS = 7;

const PARTS = {
  frequent: "no outcome",
  rare: "out of memory",
  unknown: "no such error",
};

const trigrams = `CREATE VIRTUAL TABLE trigrams USING
  fts5(text, content = '', contentless_delete = 1, tokenize = 'trigram')`;

const WAYS = {
  scan: {
    schema,
    search: `SELECT id FROM errors WHERE queue = 1 AND text LIKE '%' || ? || '%' ORDER BY id DESC LIMIT 100`,
    put: undefined,
  },
  trigrams: {
    schema: `${schema}; ${trigrams}`,
    search: `SELECT rowid FROM trigrams WHERE trigrams MATCH '"' || ? || '"' ORDER BY rowid DESC LIMIT 100`,
    put: `INSERT INTO trigrams (rowid, text) VALUES (?, ?)`,
  },
};

export function errors({ tasks }: Options): Promise<Figures> {
  const count = MANY * tasks;
  const texts = Array.from({ length: count }, (_, i) => textOf(i));
  const figures: Figures = {};
  for (const [name, way] of Object.entries(WAYS))
    figures[`${count.toLocaleString("en")} errors, ${name}`] = measure(way, texts); // prettier-ignore
  return Promise.resolve(figures);
}

function measure(
  { schema, search, put }: (typeof WAYS)[keyof typeof WAYS],
  texts: readonly string[],
): Record<string, number> {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-errors-"));
  const path = join(dir, "errors.sqlite");
  const file = openOwnDatabase(path, { schema, version: 1 });
  if (file === undefined) throw new Error("another process has the file");
  const insert = file.db.prepare("INSERT INTO errors VALUES (1, ?, ?, ?)");
  const more = put === undefined ? undefined : file.db.prepare(put);
  const { user, system } = process.cpuUsage();
  for (let from = 0; from < texts.length; from += AT_ONCE)
    file.atomically(() => {
      for (const [i, text] of texts.slice(from, from + AT_ONCE).entries()) {
        insert.run(keyOf(newTaskId()), from + i + 1, text);
        more?.run(from + i + 1, text);
      }
    });
  const now = process.cpuUsage();
  const written = now.user - user + now.system - system;
  file.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  const found = file.db.prepare(search);
  const figures = {
    cpu_us: round(written / texts.length),
    bytes: round(statSync(path).size / texts.length),
    ...Object.fromEntries(
      Object.entries(PARTS).map(([name, part]) => [
        `${name}_ms`,
        medianMs(() => found.all(part)),
      ]),
    ),
  };
  file[Symbol.dispose]();
  rmSync(dir, { recursive: true });
  return figures;
}

function medianMs(once: () => unknown): number {
  const times = Array.from({ length: TURNS }, () => {
    const start = performance.now();
    once();
    return performance.now() - start;
  });
  return round(median(times));
}

const textOf = (i: number): string =>
  i % 5_000
    ? `TimeoutError: no outcome ${i % 600} s after its first start, at token ${i}`
    : `RuntimeError: out of memory in layer ${i % 32}`;
