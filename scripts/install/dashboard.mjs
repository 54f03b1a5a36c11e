import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { step } from "./print.mjs";
import { localDir, root } from "./project.mjs";
import { runOrThrow } from "./run.mjs";

const dashboard = join(root, "packages/dashboard");
/** Whose sources the page is made of. */
const parts = ["dashboard", "client", "schema"];
/** Written last, so it is there only when all of the page is. */
const stampFile = join(dashboard, "dist", ".inputs");

/**
 * Builds the dashboard where its sources have changed since the last time, by Vite in less than a second.
 * @param {string} node the Node to run Vite with
 */
export async function buildDashboard(node) {
  const inputs = hashInputs();
  if (readStamp() === inputs) return;
  await withLock(join(localDir, "dashboard.lock"), async () => {
    if (readStamp() === inputs) return;
    await step("building the dashboard", () =>
      runOrThrow(node, ["node_modules/vite/bin/vite.js", "build"], {
        cwd: dashboard,
      }),
    );
    writeFileSync(stampFile, inputs);
  });
}

function readStamp() {
  try {
    return readFileSync(stampFile, "utf8");
  } catch {
    return undefined;
  }
}

/** Times don't tell what has changed: a checkout sets them anew. */
function hashInputs() {
  const hash = createHash("sha256");
  const files = parts.flatMap((part) => [
    join(root, "packages", part, "package.json"),
    ...filesOf(join(root, "packages", part, "src")),
  ]);
  const own = ["index.html", "vite.config.ts"].map((name) =>
    join(dashboard, name),
  );
  const lockfile = join(root, "pnpm-lock.yaml");
  const all = [...files, ...own, ...filesOf(join(dashboard, "public"))];
  for (const file of [...all, lockfile])
    hash.update(`${file}\n`).update(readFileSync(file));
  return hash.digest("hex");
}

/** In a fixed order. @param {string} folder */
const filesOf = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => !/\.test\.ts$/.test(path) && statSync(path).isFile())
    .sort();
