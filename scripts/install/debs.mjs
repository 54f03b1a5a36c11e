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
import { join } from "node:path";
import { run, runOrThrow } from "./run.mjs";

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
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const lines = text.matchAll(/^(\w+)="?(.*?)"?$/gm);
  return Object.fromEntries(
    [...lines].map(([, key = "", value = ""]) => [key, value]),
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
    const flags = ["-y", "--no-install-recommends", "--download-only"];
    // Another suite's dependencies would not fit this machine's libraries: there the package must stand alone.
    if (suite === own.codename) await apt([...flags, "install", ...names]);
    // Of those that are installed the command above has fetched nothing.
    const archives = join(temporary, "cache/archives");
    const fetched = readdirSync(archives);
    const missing = names.filter(
      (name) => !fetched.some((file) => file.startsWith(`${name}_`)),
    );
    if (missing.length > 0) await apt(["download", ...missing]);
    // Beside its place, so that the place itself is filled at once.
    const unpacked = `${dir}.partial`;
    rmSync(unpacked, { recursive: true, force: true });
    mkdirSync(unpacked, { recursive: true });
    for (const folder of [temporary, archives])
      for (const name of readdirSync(folder))
        // Never a C library of its own: it would not fit the machine's loader.
        if (name.endsWith(".deb") && !name.startsWith("libc6_"))
          await runOrThrow("dpkg-deb", ["-x", join(folder, name), unpacked]);
    rmSync(dir, { recursive: true, force: true });
    renameSync(unpacked, dir);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** apt with sources, lists and cache of its own. @param {string} dir @param {Distribution} own @param {string} suite */
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
  const flags = Object.entries(options).map((pair) => `-o${pair.join("=")}`);
  /** @param {string[]} args */
  const apt = (args) =>
    runOrThrow("apt-get", ["-qq", ...flags, ...args], {
      cwd: dir,
      env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
      timeoutMs: 180_000,
    });
  await apt(["update"]);
  return apt;
}

/**
 * The machine's own sources of the distribution, or another suite on the same mirror.
 * @param {Distribution} own
 * @param {string} suite
 */
async function sourcesFor(own, suite) {
  const suites = ["", "-updates", "-security"].map(
    (ending) => own.codename + ending,
  );
  const mine = (await machineSources()).filter(
    ({ suite, component }) =>
      suites.includes(suite) && ["main", "universe"].includes(component),
  );
  if (suite === own.codename && mine.length > 0) return mine;
  const mirror = mine.find((source) => source.suite === own.codename);
  const source = mirror ?? defaultSource(own);
  return suite === own.codename
    ? [source]
    : [{ ...source, suite, component: "main" }];
}

/** @returns {Promise<Source[]>} */
async function machineSources() {
  const format = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)";
  const { code, output } = await run("apt-get", [
    "indextargets",
    "--no-release-info", // also where `apt-get update` never ran, as in a fresh container
    ...["--format", format, "Created-By: Packages"],
  ]);
  if (code !== 0) return [];
  return [...new Set(output.split("\n"))].flatMap((line) => {
    const [uri, suite, component] = line.split("|");
    return uri && suite && component ? [{ uri, suite, component }] : [];
  });
}

/** @param {Distribution} own @returns {Source} */
const defaultSource = ({ id, codename: suite }) =>
  id === "debian"
    ? { uri: "http://deb.debian.org/debian", suite, component: "main" }
    : {
        uri: "http://archive.ubuntu.com/ubuntu",
        suite,
        component: "main universe",
      };
