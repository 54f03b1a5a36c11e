import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { distribution, unpackDebs } from "./debs.mjs";
import { withLock } from "./lock.mjs";
import { step, UserError } from "./print.mjs";
import { localDir } from "./project.mjs";
import { run } from "./run.mjs";
import { compareVersions, onPath } from "./setup.mjs";

/**
 * Finds nats-server and redis-server, or brings them: PATH, the distribution's packages unpacked into the project's own
 * folder, the official images where a Docker engine runs.
 */

/** @typedef {"nats" | "redis"} Kind */
/** @typedef {{ kind: Kind, binary: string, libraryPath?: string }} Program libraryPath: of what was unpacked with it */
/** @typedef {Partial<Program> & { kind: Kind, version: string, image?: string }} Server image: instead of a binary */

const kinds = {
  nats: {
    names: ["nats-server"],
    packages: ["nats-server"],
    image: "nats:2-alpine",
    version: /v?(\d+\.\d+\.\d+)/,
  },
  redis: {
    names: ["redis-server", "valkey-server"],
    // The program of redis-server is a link to one of redis-tools.
    packages: ["redis-server", "redis-tools"],
    image: "redis:7-alpine",
    version: /v=(\d+\.\d+\.\d+)/,
  },
};

/** The server to run. @param {Kind} kind @returns {Promise<Server>} */
export async function findServer(kind) {
  return (
    (await fromPath(kind)) ??
    (await fromPackages(kind, suitesFor(kind))) ??
    (await fromDocker(kind)) ??
    giveUp(kind)
  );
}

/**
 * The oldest and the newest nats-server that this machine can have: for tests. One of each version.
 * @returns {Promise<Server[]>} oldest first
 */
export async function natsVersions() {
  const own = distribution()?.codename;
  const found = [
    await fromPath("nats"),
    await fromPackages("nats", suitesFor("nats")), // the newest first: any that is unpacked counts as good enough
    own ? await fromPackages("nats", [own]) : undefined,
  ].filter((server) => server !== undefined);
  const distinct = new Map(found.map((server) => [server.version, server]));
  if (distinct.size === 0) return [await findServer("nats")];
  return [...distinct.values()].sort((a, b) =>
    compareVersions(a.version, b.version),
  );
}

/**
 * The suites to take a package from, best first. Only nats-server comes from a newer one: it asks for nothing but the C
 * library, while redis-server needs the libraries of its own suite.
 * @param {Kind} kind
 */
function suitesFor(kind) {
  const own = distribution();
  if (!own) return [];
  const newer =
    kind === "nats" && own.id === "debian" ? ["sid", "testing", "trixie"] : [];
  return [...new Set([...newer, own.codename])];
}

/** @param {Kind} kind */
function fromPath(kind) {
  const binaries = kinds[kind].names.flatMap(onPath);
  return firstOf(binaries, (binary) => probeServer({ kind, binary }));
}

/**
 * The package from the first suite that gives one that runs here; one that was unpacked before is not looked for again.
 * @param {Kind} kind
 * @param {string[]} suites
 */
async function fromPackages(kind, suites) {
  const unpacked = await firstOf(suites, (suite) => probeUnpacked(kind, suite));
  if (unpacked) return unpacked;
  return withLock(join(localDir, `${kind}.lock`), () =>
    firstOf(
      suites,
      async (suite) =>
        (await probeUnpacked(kind, suite)) ?? (await unpack(kind, suite)),
    ),
  );
}

/** @param {string[]} places @param {(place: string) => Promise<Server | undefined>} look */
async function firstOf(places, look) {
  for (const place of places) {
    const found = await look(place);
    if (found) return found;
  }
  return undefined;
}

/** @param {Kind} kind @param {string} suite */
async function unpack(kind, suite) {
  const own = distribution();
  if (!own) return undefined;
  const { packages } = kinds[kind];
  const title = `unpacking ${packages[0]} of ${own.id} ${suite} into .local/`;
  try {
    await step(title, () =>
      unpackDebs(own, suite, packages, unpackedDir(kind, suite)),
    );
  } catch {
    return undefined; // not in that suite, or no network: the next source may do
  }
  return probeUnpacked(kind, suite);
}

/** @param {Kind} kind @param {string} suite */
const unpackedDir = (kind, suite) =>
  join(localDir, "servers", `${kind}-server-${suite}`);

/** @param {Kind} kind @param {string} suite */
async function probeUnpacked(kind, suite) {
  const dir = unpackedDir(kind, suite);
  const binary = ["usr/sbin", "usr/bin"]
    .map((folder) => join(dir, folder, `${kind}-server`))
    .find((file) => existsSync(file));
  if (!binary) return undefined;
  // The folders with shared libraries are usr/lib/<machine>.
  const libraryPath = ["usr/lib", "lib"]
    .map((folder) => join(dir, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((folder) => folder.includes("-linux-gnu"))
    .join(":");
  return probeServer({ kind, binary, ...(libraryPath ? { libraryPath } : {}) });
}

/** Whether the server runs here at all, and its version. @param {Program} found @returns {Promise<Server | undefined>} */
export async function probeServer(found) {
  const env = libraryEnv(found);
  const { code, output } = await run(found.binary, ["--version"], { env });
  const version = kinds[found.kind].version.exec(output)?.[1];
  return code === 0 && version ? { ...found, version } : undefined;
}

/** @param {Pick<Server, "libraryPath">} server @returns {Record<string, string>} */
export function libraryEnv({ libraryPath }) {
  if (!libraryPath) return {};
  const others = process.env.LD_LIBRARY_PATH;
  return { LD_LIBRARY_PATH: others ? `${libraryPath}:${others}` : libraryPath };
}

/** @param {Kind} kind @returns {Promise<Server | undefined>} */
async function fromDocker(kind) {
  const { image, version } = kinds[kind];
  const engine = await run("docker", ["version"], { timeoutMs: 10_000 });
  if (engine.code !== 0) return undefined;
  const args = ["run", "--rm", image, `${kind}-server`, "--version"];
  const { code, output } = await step(`getting the image ${image}`, () =>
    run("docker", args, { timeoutMs: 600_000 }),
  );
  const found = version.exec(output)?.[1];
  return code === 0 && found ? { kind, image, version: found } : undefined;
}

/** @param {Kind} kind @returns {never} */
function giveUp(kind) {
  const name = `${kind}-server`;
  throw new UserError(
    `${name} is neither on PATH nor could it be brought here. One of these helps, then run the same command again:\n` +
      `  Debian, Ubuntu       sudo apt-get update && sudo apt-get install -y ${name}\n` +
      `  macOS                brew install ${kind === "nats" ? name : kind}\n` +
      `  Windows              wsl --install -d Debian, then start.bat (it runs inside WSL 2)\n` +
      `  Docker               start the Docker engine: the images nats:2-alpine and redis:7-alpine are used\n` +
      `  a server elsewhere   ${kind.toUpperCase()}_URL=${kind}://host:${kind === "nats" ? 4222 : 6379} npm start`,
  );
}
