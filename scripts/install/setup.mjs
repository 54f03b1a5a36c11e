import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linkGpuBinaries } from "./gpu.mjs";
import { withLock } from "./lock.mjs";
import { step, UserError } from "./print.mjs";
import { localDir, root } from "./project.mjs";
import { readJson } from "./readJson.mjs";
import { run, runOrThrow } from "./run.mjs";

export const pnpmVersion = "pnpm@12.21.0";
/** Runs TypeScript as it is, without a flag and a warning for every file. */
const oldestNode = "24.12.0";

/**
 * Packages that not every command needs: of the examples (61 MB), and those of OpenTelemetry (33 MB).
 * @typedef {{ examples: boolean, traces: boolean }} Parts
 */

/**
 * Whether a variable of OpenTelemetry is set, without which no traces are made.
 * @param {import("./project.mjs").Env} env
 */
export const mayTrace = (env) =>
  Object.keys(env).some((name) => name.startsWith("OTEL_"));

/** Written last, so it is there only when all of the set-up is. */
const stampFile = join(root, "node_modules", ".jetscribe.json");

/**
 * Makes the checkout ready to run: the workspace's packages as the lockfile has them, and a Node that runs TypeScript.
 * Costs next to nothing when that was done before.
 * @param {Partial<Parts>} [parts] what may be missing where it is false; all is brought by default
 * @returns {Promise<{ node: string }>} the path of that Node
 */
export async function setUp({ examples = true, traces = true } = {}) {
  const parts = { examples, traces };
  const done = readStamp(parts);
  if (done) return done;
  return withLock(join(localDir, "setup.lock"), async () => {
    const meanwhile = readStamp(parts);
    if (meanwhile) return meanwhile;
    const without = [
      ...(examples ? [] : ["--filter", "!./examples"]),
      ...(traces ? [] : ["--filter", "!./packages/otel"]),
    ];
    const frozen = ["-y", pnpmVersion, "install", "--frozen-lockfile"];
    const install = [...frozen, ...without];
    await step("installing the packages", () =>
      runOrThrow("npx", install, {
        cwd: root,
        env: { CI: "true" }, // no questions, no screen control
      }),
    );
    linkGpuBinaries();
    const node = await findNode();
    const stamp = { inputs: hashInputs(), node, ...parts };
    writeFileSync(stampFile, JSON.stringify(stamp));
    return { node };
  });
}

/** @param {Parts} parts */
function readStamp({ examples, traces }) {
  /** @type {{ inputs: string, node: string } & Partial<Parts> | undefined} */
  const stamp = readJson(stampFile);
  const holds =
    stamp?.inputs === hashInputs() &&
    (stamp.examples || !examples) &&
    (stamp.traces || !traces) &&
    existsSync(stamp.node);
  return holds ? { node: stamp.node } : undefined;
}

/** Changes whenever the packages have to be installed again; times don't tell that, a checkout sets them anew. */
function hashInputs() {
  const hash = createHash("sha256");
  hash.update(`${process.platform} ${process.arch} ${root}`);
  const members = ["packages", "services", "tools"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(folder, name)),
  );
  const manifests = ["", "examples", ...members].map((dir) =>
    join(dir, "package.json"),
  );
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
