/** A table for people and a file for machines, of the medians of all repetitions. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { median, round, type Figures } from "./figures.ts";

const ENGINE =
  "fake engine (FAKE_MS=0) where no model is named; one gateway, one worker";

export function table(repetitions: readonly Figures[]): string {
  const rows = Object.entries(medians(repetitions)).map(
    ([row, columns]) =>
      `| ${row} | ${Object.entries(columns).map(cell).join(" · ")} |`,
  );
  return [`| ${ENGINE} | |`, "|---|---|", ...rows].join("\n");
}

/** Written after each repetition, so that a run that is cut short keeps what it has; gives the file's path. */
export function writeResults(
  repetitions: readonly Figures[],
  started: Date,
): string {
  const folder = join(import.meta.dirname, "results");
  const name = started.toISOString().slice(0, 16).replaceAll(":", "");
  const file = join(folder, `${name}.json`);
  const report = {
    date: started.toISOString(),
    machine: `${availableParallelism()} x ${cpus()[0]?.model ?? "?"}`,
    engine: ENGINE,
    load: loadavg().map(round),
    medians: medians(repetitions),
    repetitions,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}

function medians(repetitions: readonly Figures[]): Figures {
  const rows = new Set(repetitions.flatMap((figures) => Object.keys(figures)));
  const entries = [...rows].map((row) => {
    const runs = repetitions.flatMap((figures) => {
      const columns = figures[row];
      return columns ? [columns] : [];
    });
    return [row, medianOfEach(runs)] as const;
  });
  return Object.fromEntries(entries);
}

function medianOfEach(
  runs: readonly Record<string, number>[],
): Record<string, number> {
  const columns = Object.keys(runs[0] ?? {});
  const entries = columns.map(
    (column) =>
      [column, round(median(runs.map((run) => run[column] ?? NaN)))] as const,
  );
  return Object.fromEntries(entries);
}

const cell = ([column, figure]: [string, number]): string =>
  `${column.replaceAll("_", " ")} **${figure}**`;
