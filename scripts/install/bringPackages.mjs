import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { localDir } from "./project.mjs";
import { readJson } from "./readJson.mjs";
import { runOrThrow } from "./run.mjs";

/**
 * Packages that are brought only where they are asked for: those of a folder's own package.json and lock file. They run no
 * install script, and stay until the lock file changes.
 * @param {string} sources that folder
 * @param {string} name of the folder in `.local` that they go to
 * @returns {Promise<string>} the path of that folder, which has `node_modules`
 */
export async function bringPackages(sources, name) {
  const target = join(localDir, name);
  if (isThere(sources, target)) return target;
  return withLock(join(localDir, `${name}.lock`), async () => {
    if (isThere(sources, target)) return target;
    mkdirSync(target, { recursive: true });
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(sources, file), join(target, file));
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund"];
    await runOrThrow("npm", ["ci", ...flags], { cwd: target });
    return target;
  });
}

/** npm writes the list of what it installed last. @param {string} sources @param {string} target */
function isThere(sources, target) {
  const [want, have] = [sources, target].map((dir) =>
    JSON.stringify(readJson(join(dir, "package-lock.json"))),
  );
  const installed = join(target, "node_modules/.package-lock.json");
  return want === have && existsSync(installed);
}
