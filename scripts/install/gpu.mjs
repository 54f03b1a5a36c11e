import {
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { step, UserError } from "./print.mjs";
import { localDir, root } from "./project.mjs";
import { readJson } from "./readJson.mjs";
import { runOrThrow } from "./run.mjs";

const gpuDir = join(localDir, "gpu");
const scope = "node_modules/@node-llama-cpp";

/** The packages for each kind of GPU; node-llama-cpp takes the best that it finds and that the machine can run. */
const packages = new Map([
  ["cuda", ["linux-x64-cuda", "linux-x64-cuda-ext"]],
  ["vulkan", ["linux-x64-vulkan"]],
]);

/**
 * Adds the GPU binaries. They go into a folder of their own, linked into node_modules where node-llama-cpp looks for
 * them: as dependencies they would change the lockfile, or be downloaded (500 MB) by everybody.
 * @param {string} kind
 */
export async function addGpuBinaries(kind) {
  const names = packages.get(kind);
  if (!names) throw new UserError(`--gpu=${kind}: expected cuda or vulkan`);
  const machine = `${process.platform}-${process.arch}`;
  if (machine !== "linux-x64")
    throw new UserError(
      process.platform === "darwin"
        ? "--gpu is not needed on a Mac: the Metal binaries are part of the ordinary installation"
        : `--gpu=${kind}: there are no ready-made binaries for ${machine}`,
    );
  const version = engineVersion();
  if (!names.every((name) => installedVersion(name) === version))
    await step(`downloading the ${kind} binaries`, () =>
      install(names, version),
    );
  linkGpuBinaries();
}

/** Links what {@link addGpuBinaries} brought; again after each installation, which may remove what it doesn't know. */
export function linkGpuBinaries() {
  const version = engineVersion();
  for (const name of [...packages.values()].flat()) {
    if (installedVersion(name) !== version) continue; // another version's binaries would not load
    const link = join(root, scope, name);
    rmSync(link, { recursive: true, force: true });
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), join(gpuDir, scope, name)), link);
  }
}

/** The exact version of the engine in use: its binaries must be of the same. */
function engineVersion() {
  /** @type {{ dependencies: Record<string, string> } | undefined} */
  const manifest = readJson(join(root, "services/inference/package.json"));
  return manifest?.dependencies["node-llama-cpp"] ?? "";
}

/** @param {string} name */
function installedVersion(name) {
  /** @type {{ version: string } | undefined} */
  const manifest = readJson(join(gpuDir, scope, name, "package.json"));
  return manifest?.version;
}

/** @param {string[]} names @param {string} version */
async function install(names, version) {
  mkdirSync(gpuDir, { recursive: true });
  const manifest = join(gpuDir, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
  const packages = names.map((name) => `@node-llama-cpp/${name}@${version}`);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund"];
  const args = ["install", "--prefix", gpuDir, ...flags, ...packages];
  await runOrThrow("npm", args, { cwd: gpuDir });
}
