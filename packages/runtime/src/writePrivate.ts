import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";

/** Whole or not at all, also where the machine ends meanwhile; for its owner only, unless `mode` says otherwise. */
export function writePrivate(file: string, text: string, mode = 0o600): void {
  const temporary = `${file}.${process.pid}`;
  const handle = openSync(temporary, "w", mode);
  try {
    writeFileSync(handle, text);
    // A rename may reach the disk before what was written.
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
}

/** What a file holds; undefined where there is none. Throws where it can't be read. */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
