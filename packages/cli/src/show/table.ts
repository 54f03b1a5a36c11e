/** Rows below a head, each column as wide as its widest cell. */
import { plain } from "./paint.ts";

/** Each line with its end. A cell is text from anywhere. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [head, ...rows].map((row) => row.map(plain));
  const widths = head.map((_, i) =>
    Math.max(...all.map((row) => row[i]?.length ?? 0)),
  );
  const lineOf = (row: string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return all.map((row) => `${lineOf(row)}\n`).join("");
}
