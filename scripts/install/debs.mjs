import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run, tail } from "./run.mjs";

/**
 * Packages of Debian and Ubuntu, unpacked without being installed: needs no root, starts no service and changes nothing
 * on the machine.
 */

/** @typedef {{ id: "debian" | "ubuntu", codename: string, keyring: string }} Distribution */
/** @typedef {{ uri: string, suite: string, component: string }} Source */

/** @returns {Distribution | undefined} undefined where there is no apt, or none that we know */
export function distribution() {
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get"))
    return undefined;
  const release = readOsRelease();
  const likes = `${release.ID} ${release.ID_LIKE ?? ""}`.split(" ");
  // Derivatives such as Mint say on which Ubuntu they stand.
  const id =
    release.UBUNTU_CODENAME || likes.includes("ubuntu") ? "ubuntu" : "debian";
  if (!likes.includes(id)) return undefined;
  const codename = release.UBUNTU_CODENAME ?? release.VERSION_CODENAME ?? "sid";
  const keyring = ["gpg", "pgp"]
    .map((ending) => `/usr/share/keyrings/${id}-archive-keyring.${ending}`)
    .find((file) => existsSync(file));
  return keyring ? { id, codename, keyring } : undefined;
}

/** @returns {Record<string, string | undefined>} */
function readOsRelease() {
  const file = "/etc/os-release";
  if (!existsSync(file)) return {};
  const lines = readFileSync(file, "utf8").split("\n");
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1).replace(/^"|"$/g, "")];
    }),
  );
}

/**
 * Unpacks packages, with those of their dependencies that the machine lacks, into `dir`. The packages themselves are
 * unpacked where they are installed too: one may hold links to the files of another.
 * @param {Distribution} own
 * @param {string} suite the machine's own codename, or another suite of the same distribution
 * @param {string[]} names
 * @param {string} dir appears only when complete
 */
export async function unpackDebs(own, suite, names, dir) {
  const temporary = mkdtempSync(join(tmpdir(), "jetscribe-debs-"));
  try {
    const apt = await prepareApt(temporary, own, suite);
    const foreign = suite !== own.codename;
    // Another suite's dependencies would not fit this machine's libraries: there the package must stand alone.
    if (!foreign)
      await apt([
        "-y",
        "--no-install-recommends",
        "--download-only",
        "install",
        ...names,
      ]);
    // Of those that are installed the command above has fetched nothing.
    const archives = join(temporary, "cache/archives");
    const fetched = readdirSync(archives);
    const missing = names.filter(
      (name) => !fetched.some((file) => file.startsWith(`${name}_`)),
    );
    if (missing.length > 0) await apt(["download", ...missing]);
    const unpacked = join(temporary, "unpacked");
    await unpackAll([temporary, archives], unpacked);
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dirname(dir), { recursive: true });
    await moveFolder(unpacked, dir);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/**
 * apt with sources, lists and cache of its own.
 * @param {string} dir
 * @param {Distribution} own
 * @param {string} suite
 */
async function prepareApt(dir, own, suite) {
  for (const folder of ["lists/partial", "cache/archives/partial"])
    mkdirSync(join(dir, folder), { recursive: true });
  const sources = join(dir, "sources.list");
  const lines = (await sourcesFor(own, suite)).map(
    ({ uri, suite, component }) =>
      `deb [signed-by=${own.keyring}] ${uri} ${suite} ${component}\n`,
  );
  writeFileSync(sources, lines.join(""));
  const options = {
    "Dir::Etc::SourceList": sources,
    "Dir::Etc::SourceParts": "/dev/null",
    "Dir::State::Lists": join(dir, "lists"),
    "Dir::Cache": join(dir, "cache"),
    "APT::Sandbox::User": "", // the sandbox user may not write here
    "Debug::NoLocking": "true", // nothing shared is written, and a user may not lock
    "Acquire::Languages": "none",
    "Acquire::Check-Valid-Until": "false", // mirrors that are snapshots are older than their dates
    "Acquire::Retries": "2",
  };
  const flags = Object.entries(options).flatMap(([key, value]) => [
    "-o",
    `${key}=${value}`,
  ]);
  /** @param {string[]} args */
  const apt = async (args) => {
    const { code, output } = await run("apt-get", ["-qq", ...flags, ...args], {
      cwd: dir,
      env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
      timeoutMs: 180_000,
    });
    if (code !== 0) throw new Error(`apt-get ${args[0]}: ${tail(output, 5)}`);
  };
  await apt(["update"]);
  return apt;
}

/**
 * The machine's own sources of the distribution, or another suite on the same mirror.
 * @param {Distribution} own
 * @param {string} suite
 * @returns {Promise<Source[]>}
 */
async function sourcesFor(own, suite) {
  const all = await machineSources();
  const mine = all.filter(
    (source) =>
      [
        own.codename,
        `${own.codename}-updates`,
        `${own.codename}-security`,
      ].includes(source.suite) &&
      ["main", "universe"].includes(source.component),
  );
  if (suite === own.codename)
    return mine.length > 0 ? mine : [defaultSource(own)];
  const mirror =
    mine.find((source) => source.suite === own.codename) ?? defaultSource(own);
  return [{ ...mirror, suite, component: "main" }];
}

/** @returns {Promise<Source[]>} */
async function machineSources() {
  const format = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)";
  // --no-release-info: also where `apt-get update` never ran, as in a fresh container.
  const args = [
    "indextargets",
    "--no-release-info",
    "--format",
    format,
    "Created-By: Packages",
  ];
  const { code, output } = await run("apt-get", args);
  if (code !== 0) return [];
  const lines = [
    ...new Set(
      output.split("\n").filter((line) => line.split("|").length === 3),
    ),
  ];
  return lines.map((line) => {
    const [uri = "", suite = "", component = ""] = line.split("|");
    return { uri, suite, component };
  });
}

/** @param {Distribution} own @returns {Source} */
function defaultSource({ id, codename }) {
  return id === "debian"
    ? {
        uri: "http://deb.debian.org/debian",
        suite: codename,
        component: "main",
      }
    : {
        uri: "http://archive.ubuntu.com/ubuntu",
        suite: codename,
        component: "main universe",
      };
}

/** @param {string[]} folders @param {string} into */
async function unpackAll(folders, into) {
  mkdirSync(into);
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".deb"))
      .map((name) => join(folder, name)),
  );
  for (const file of files) {
    // Never a C library of its own: it would not fit the machine's loader.
    if (/\/libc6_[^/]*$/.test(file)) continue;
    const { code, output } = await run("dpkg-deb", ["-x", file, into]);
    if (code !== 0) throw new Error(`dpkg-deb: ${tail(output, 5)}`);
  }
}

/** @param {string} from @param {string} to */
async function moveFolder(from, to) {
  try {
    renameSync(from, to);
  } catch {
    // another file system: copied beside its place, so that the place itself is filled at once
    const { code, output } = await run("cp", ["-a", from, `${to}.partial`]);
    if (code !== 0) throw new Error(output);
    renameSync(`${to}.partial`, to);
  }
}
