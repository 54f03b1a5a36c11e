import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { distribution, unpackDebs } from "./debs.mjs";
import { withLock } from "./lock.mjs";
import { step } from "./print.mjs";
import { localDir, UserError } from "./project.mjs";
import { run } from "./run.mjs";
import { onPath } from "./setup.mjs";
import { compareVersions } from "./versions.mjs";

/**
 * Finds nats-server and redis-server, or brings them: PATH, the distribution's packages unpacked into the project's own
 * folder, the official images where a Docker engine runs.
 */

/** @typedef {"nats" | "redis"} Kind */
/**
 * @typedef {object} Server a server that this machine can run
 * @property {Kind} kind
 * @property {string} version
 * @property {string} [binary] absolute path
 * @property {string} [image] instead of a binary: runs in this image
 * @property {string} [libraryPath] where the libraries lie that were unpacked with it
 */

const KINDS = {
  nats: {
    names: ["nats-server"],
    package: "nats-server",
    packages: ["nats-server"],
    image: "nats:2-alpine",
    version: /v?(\d+\.\d+\.\d+)/,
  },
  redis: {
    names: ["redis-server", "valkey-server"],
    package: "redis-server",
    // The program of redis-server is a link to one of redis-tools.
    packages: ["redis-server", "redis-tools"],
    image: "redis:7-alpine",
    version: /v=(\d+\.\d+\.\d+)/,
  },
};

const serversDir = join(localDir, "servers");

/**
 * The server to run.
 * @param {Kind} kind
 * @returns {Promise<Server>}
 */
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
  ];
  const distinct = new Map();
  for (const server of found) if (server) distinct.set(server.version, server);
  const all = [...distinct.values()].sort((a, b) =>
    compareVersions(a.version, b.version),
  );
  return all.length > 0 ? all : [await findServer("nats")];
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
async function fromPath(kind) {
  for (const name of KINDS[kind].names)
    for (const binary of onPath(name)) {
      const server = await probeServer({ kind, binary });
      if (server) return server;
    }
  return undefined;
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

/**
 * @template T
 * @param {string[]} suites
 * @param {(suite: string) => Promise<T | undefined>} look
 * @returns {Promise<T | undefined>}
 */
async function firstOf(suites, look) {
  for (const suite of suites) {
    const found = await look(suite);
    if (found) return found;
  }
  return undefined;
}

/** @param {Kind} kind @param {string} suite */
async function unpack(kind, suite) {
  const own = distribution();
  if (!own) return undefined;
  const { package: name, packages } = KINDS[kind];
  try {
    await step(`unpacking ${name} of ${own.id} ${suite} into .local/`, () =>
      unpackDebs(own, suite, packages, unpackedDir(kind, suite)),
    );
  } catch {
    return undefined; // not in that suite, or no network: the next source may do
  }
  return probeUnpacked(kind, suite);
}

/** @param {Kind} kind @param {string} suite */
function unpackedDir(kind, suite) {
  return join(serversDir, `${KINDS[kind].package}-${suite}`);
}

/** @param {Kind} kind @param {string} suite @returns {Promise<Server | undefined>} */
async function probeUnpacked(kind, suite) {
  const dir = unpackedDir(kind, suite);
  const binary = ["usr/sbin", "usr/bin"]
    .map((folder) => join(dir, folder, KINDS[kind].package))
    .find((file) => existsSync(file));
  if (!binary) return undefined;
  const libraryPath = libraryFolders(dir).join(":");
  return probeServer({ kind, binary, ...(libraryPath ? { libraryPath } : {}) });
}

/** The folders with shared libraries: `usr/lib/<machine>`. @param {string} dir */
function libraryFolders(dir) {
  return ["usr/lib", "lib"]
    .map((folder) => join(dir, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((folder) => folder.includes("-linux-gnu"));
}

/**
 * Whether the server runs here at all, and its version.
 * @param {{ kind: Kind, binary: string, libraryPath?: string }} found
 * @returns {Promise<Server | undefined>}
 */
export async function probeServer(found) {
  const { code, output } = await run(found.binary, ["--version"], {
    env: libraryEnv(found),
  });
  const version = KINDS[found.kind].version.exec(output)?.[1];
  return code === 0 && version ? { ...found, version } : undefined;
}

/**
 * @param {{ libraryPath?: string }} server
 * @returns {Record<string, string>}
 */
export function libraryEnv({ libraryPath }) {
  if (!libraryPath) return {};
  const others = process.env.LD_LIBRARY_PATH;
  return { LD_LIBRARY_PATH: others ? `${libraryPath}:${others}` : libraryPath };
}

/** @param {Kind} kind @returns {Promise<Server | undefined>} */
async function fromDocker(kind) {
  const { image } = KINDS[kind];
  const engine = await run(
    "docker",
    ["version", "--format", "{{.Server.Version}}"],
    { timeoutMs: 10_000 },
  );
  if (engine.code !== 0) return undefined;
  const args = [
    "run",
    "--rm",
    image,
    kind === "nats" ? "nats-server" : "redis-server",
    "--version",
  ];
  const { code, output } = await step(`getting the image ${image}`, () =>
    run("docker", args, { timeoutMs: 600_000 }),
  );
  const version = KINDS[kind].version.exec(output)?.[1];
  return code === 0 && version ? { kind, image, version } : undefined;
}

/** @param {Kind} kind @returns {never} */
function giveUp(kind) {
  const name = KINDS[kind].package;
  const url = `${kind.toUpperCase()}_URL`;
  throw new UserError(
    `${name} is neither on PATH nor could it be brought here. One of these helps, then run the same command again:\n` +
      `  Debian, Ubuntu       sudo apt-get update && sudo apt-get install -y ${name}\n` +
      `  macOS                brew install ${kind === "nats" ? "nats-server" : "redis"}\n` +
      `  Windows              wsl --install -d Debian, then start.bat (it runs inside WSL 2)\n` +
      `  Docker               start the Docker engine: the images nats:2-alpine and redis:7-alpine are used\n` +
      `  a server elsewhere   ${url}=${kind}://host:${kind === "nats" ? 4222 : 6379} npm start`,
  );
}
