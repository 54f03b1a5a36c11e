import { renameSync, writeFileSync } from "node:fs";

/** Whole or not at all, and for its owner only. */
export function writePrivate(file: string, text: string): void {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}
