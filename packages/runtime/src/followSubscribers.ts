import { statSync } from "node:fs";
import { subscribersFileOf } from "./ownAccounts.ts";

/** So often is looked whether the list changed: a subscriber that is removed is out within a second. */
const lookEveryMs = 200;

/**
 * Calls back when the list of subscribers is another one than at the moment of the call, and at each change after that.
 * The file's times are looked at: not every file system tells of changes.
 */
export function followSubscribers(
  dataDir: string,
  stopping: AbortSignal,
  onChanged: () => void,
  everyMs = lookEveryMs,
): void {
  const file = subscribersFileOf(dataDir);
  let last = versionOf(file);
  const timer = setInterval(() => {
    const now = versionOf(file);
    if (now === last) return;
    last = now;
    onChanged();
  }, everyMs).unref();
  stopping.addEventListener("abort", () => clearInterval(timer));
}

/** Undefined where there is no file, or none that can be looked at. */
function versionOf(file: string): string | undefined {
  try {
    const { ino, mtimeMs } = statSync(file);
    return `${ino} ${mtimeMs}`;
  } catch {
    return undefined;
  }
}
