import { subscribersFileOf } from "@jetscribe/runtime/ownAccounts";
import { unwatchFile, watchFile } from "node:fs";

/** So often is looked whether the list changed: a subscriber that is removed is out within a second. */
const lookEveryMs = 200;

/** Calls back when the list of subscribers has changed. The file's times are looked at: not every file system tells of changes. */
export function followSubscribers(
  dataDir: string,
  stopping: AbortSignal,
  onChanged: () => void,
): void {
  const file = subscribersFileOf(dataDir);
  watchFile(
    file,
    { interval: lookEveryMs, persistent: false },
    (now, before) => {
      // It also says once that there is no file.
      if (now.ino !== before.ino || now.mtimeMs !== before.mtimeMs) onChanged();
    },
  );
  stopping.addEventListener("abort", () => unwatchFile(file));
}
