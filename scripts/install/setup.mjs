import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linkGpuBinaries } from "./gpu.mjs";
import { withLock } from "./lock.mjs";
import { step, UserError } from "./print.mjs";
import { localDir, readJson, root } from "./project.mjs";
import { run, runOrThrow } from "./run.mjs";

const pnpmVersion = "pnpm@12.21.0";
/** Runs TypeScript as it is, without a flag and a warning for every file. */
const oldestNode = "24.12.0";

/** Written last, so it is there only when all of the set-up is. */
const stampFile = join(root, "node_modules", ".jetscribe.json");

/**
 * Makes the checkout ready to run: the workspace's packages as the lockfile has them, and a Node that runs TypeScript.
 * Costs next to nothing when that was done before.
 * @returns {Promise<{ node: string }>} the path of that Node
 */
export async function setUp() {
  const done = readStamp();
  if (done) return done;
  return withLock(join(localDir, "setup.lock"), async () => {
    const meanwhile = readStamp();
    if (meanwhile) return meanwhile;
    await step("installing the packages", () =>
      runOrThrow("npx", ["-y", pnpmVersion, "install", "--frozen-lockfile"], {
        cwd: root,
        env: { CI: "true" }, // no questions, no screen control
      }),
    );
    linkGpuBinaries();
    const node = await findNode();
    writeFileSync(stampFile, JSON.stringify({ inputs: hashInputs(), node }));
    return { node };
  });
}

function readStamp() {
  /** @type {{ inputs: string, node: string } | undefined} */
  const stamp = readJson(stampFile);
  const holds = stamp?.inputs === hashInputs() && existsSync(stamp.node);
  return holds ? { node: stamp.node } : undefined;
}

/** Changes whenever the packages have to be installed again; times don't tell that, a checkout sets them anew. */
function hashInputs() {
  const hash = createHash("sha256");
  hash.update(`${process.platform} ${process.arch} ${root}`);
  const members = ["packages", "services", "tools"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(folder, name)),
  );
  const manifests = ["", ...members].map((dir) => join(dir, "package.json"));
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...manifests]) {
    const path = join(root, file);
    if (existsSync(path)) hash.update(readFileSync(path));
  }
  return hash.digest("hex");
}

/** The workspace's own Node where the registry has one for this machine, else the machine's if it is new enough. */
async function findNode() {
  const arch = `node-${process.platform}-${process.arch}`;
  const own = join(root, "tools/node/node_modules", arch, "bin/node");
  for (const node of [own, process.execPath, ...onPath("node")]) {
    if (!existsSync(node)) continue;
    const { output } = await run(node, ["--version"]);
    if (isNewEnough(output)) return node;
  }
  throw new UserError(
    `Jetscribe needs Node ${oldestNode} or newer, and there is none for this machine in the npm registry.\n` +
      `This is ${process.version}. Install a current one: https://nodejs.org/en/download`,
  );
}

/** Negative: `a` is the older one. @param {string} a @param {string} b both as `2.10.0` */
export const compareVersions = (a, b) =>
  a.localeCompare(b, "en", { numeric: true });

/** Whether such a Node runs TypeScript. @param {string} version as Node says it: `v24.12.0` */
export function isNewEnough(version) {
  return compareVersions(version.trim().slice(1), oldestNode) >= 0;
}

/**
 * The places of a program on PATH, and in the folder of system servers that ordinary users often lack there.
 * @param {string} name
 * @returns {string[]}
 */
export function onPath(name) {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin"];
  return folders
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => join(folder, name))
    .filter((file) => existsSync(file));
}
