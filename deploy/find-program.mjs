import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { distribution, unpackDebs } from "../scripts/install/debs.mjs";
import { fail, UserError } from "../scripts/install/print.mjs";
import { localDir } from "../scripts/install/project.mjs";
import { findServer, natsVersions } from "../scripts/install/servers.mjs";
import { onPath, setUp } from "../scripts/install/setup.mjs";

/**
 * For the shell scripts beside it: where a program is, brought here without being installed where it is missing.
 * `node deploy/find-program.mjs NAME`: the last line is `PATH LIBRARIES`, LIBRARIES being the folders, with colons, of
 * those that were unpacked with it.
 */

/**
 * Programs of Debian packages: the package, its suite where it isn't the machine's own, and its place in it.
 * @type {Record<string, { package: string, suite?: string, file: string }>}
 */
const PACKAGED = {
  busybox: { package: "busybox-static", file: "bin/busybox" },
  haproxy: { package: "haproxy", file: "usr/sbin/haproxy" },
  // The machine's own may be the one in Python, which doesn't know `--wait`.
  "docker-compose": {
    ...{ package: "docker-compose", suite: "trixie" },
    file: "usr/libexec/docker/cli-plugins/docker-compose",
  },
};

find(process.argv[2] ?? "").then(
  ({ file, libraries }) => console.log(`${file} ${libraries}`),
  fail,
);

/** @param {string} name @returns {Promise<{ file: string, libraries: string }>} */
async function find(name) {
  if (name === "node")
    return { file: (await setUp({ examples: false })).node, libraries: "" };
  if (name === "nats-server") return placeOf((await natsVersions()).at(-1));
  if (name === "oldest-nats-server") return placeOf((await natsVersions())[0]);
  if (name === "redis-server") return placeOf(await findServer("redis"));
  const packaged = PACKAGED[name];
  if (!packaged) throw new UserError(`find-program: ${name} is not known here`);
  const [own] = packaged.suite ? [] : onPath(name);
  return own ? { file: own, libraries: "" } : unpack(packaged);
}

/** @param {import("../scripts/install/servers.mjs").Server | undefined} server */
function placeOf(server) {
  if (!server?.binary)
    throw new UserError("a server's program is needed, not its image");
  return { file: server.binary, libraries: server.libraryPath ?? "" };
}

/** @param {{ package: string, suite?: string, file: string }} packaged */
async function unpack({ package: name, suite, file }) {
  const debian = distribution();
  if (!debian) throw new UserError(`${name}: this is no Debian`);
  const dir = join(localDir, "debs", name);
  if (!existsSync(dir))
    await unpackDebs(debian, suite ?? debian.codename, [name], dir);
  return { file: join(dir, file), libraries: libraryFolders(dir).join(":") };
}

/** @param {string} dir */
function libraryFolders(dir) {
  const folders = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter(({ name }) => /\.so(\.\d+)*$/.test(name))
    .map(({ parentPath }) => parentPath);
  return [...new Set(folders)];
}
