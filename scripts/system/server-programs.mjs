import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CONFIG_EXIT_CODE, UserError } from "../install/user-error.mjs";
import { libraryEnv } from "../install/servers.mjs";
import { compareVersions } from "../install/versions.mjs";

/** How the two servers are run: configuration file, command line, and when they are ready. */

/** @typedef {import("../install/servers.mjs").Server} Server */
/** @typedef {import("./supervise.mjs").Program} Program */
/**
 * @typedef {object} Place
 * @property {string} dataDir holds the server's configuration and, in a folder of its own, its data
 * @property {number} port on loopback
 */

/**
 * @typedef {object} Membership a nats-server's place in a cluster on this machine; for tests and the bench
 * @property {string} name of the server
 * @property {number} port where the others reach it, on loopback
 * @property {number} monitorPort
 * @property {readonly number[]} routes the ports by which it reaches the others
 */

/** Beyond what any disk holds: what is kept is decided by the streams' own limits. */
const UNLIMITED_BYTES = 2 ** 50;

/**
 * Above this nats-server collects its garbage more often, so that its memory has a bound. It needs its blocks of the last
 * ten seconds and its message ids of the last two minutes, which grows with what the machine can do: on two cores, where
 * tasks came for two minutes, it did little but collect with 192 MB, and they were done at two thirds of the speed that
 * they are with 512. GOMEMLIMIT in the environment sets another.
 */
const NATS_MEMORY = `${256 * availableParallelism()}MiB`;

/**
 * So many threads of nats-server run Go code at once. With as many as cores, threads that look for work wake each other
 * all the time: on two cores a task cost it 118 µs, and costs it 88 with one. GOMAXPROCS in the environment sets another.
 */
const NATS_THREADS = String(
  Math.max(1, Math.floor(availableParallelism() / 2)),
);

/** In bytes, where a quarter of the machine's memory is less. */
const LEAST_REDIS_MEMORY = 256 * 2 ** 20;

/** Where no program listens. */
const NOBODYS_PORT = 1;

/** Where a container finds its configuration and its data. */
const IN_CONTAINER = { config: "/etc/jetscribe.conf", data: "/data" };

/**
 * @param {Server} server
 * @param {Place & { durability?: string | undefined, member?: Membership | undefined, maxPayload?: string | undefined, config?: readonly string[] | undefined }} options durability: `process` (default) or `machine`; maxPayload: as nats-server reads it; config: further lines
 * @returns {Program}
 */
export function natsProgram(
  server,
  { dataDir, port, durability, member, maxPayload = "8MB", config: more = [] },
) {
  const place = placeFor(server, join(dataDir, "nats"), port, 4222);
  const jetstream = [
    `store_dir: ${JSON.stringify(place.data)}`,
    `max_file_store: ${UNLIMITED_BYTES}`,
    ...syncInterval(server, durability),
  ];
  const config = writeConfig(dataDir, "nats.conf", [
    "# Written by `npm start`, at each start.",
    `server_name: ${member?.name ?? "jetscribe"}`,
    `listen: ${JSON.stringify(`${place.host}:${place.port}`)}`,
    `max_payload: ${maxPayload}`,
    `jetstream {\n  ${jetstream.join("\n  ")}\n}`,
    ...(member ? clusterLines(member) : []),
    ...more,
  ]);
  const args = ["-c", place.config ?? config];
  const nats = program(server, dataDir, port, place, args);
  return {
    ...nats,
    env: { GOMEMLIMIT: NATS_MEMORY, GOMAXPROCS: NATS_THREADS, ...nats.env },
  };
}

/**
 * @param {Server} server
 * @param {Place} options
 * @returns {Program}
 */
export function redisProgram(server, { dataDir, port }) {
  const place = placeFor(server, join(dataDir, "redis"), port, 6379);
  const config = writeConfig(dataDir, "redis.conf", [
    "# Written by `npm start`, at each start.",
    `bind ${place.host}`,
    `port ${place.port}`,
    // The published port of a container reaches the server from another address.
    `protected-mode ${server.image ? "no" : "yes"}`,
    `dir ${JSON.stringify(place.data)}`,
    "appendonly yes",
    "appendfsync everysec",
    'save ""',
    // Full, it refuses what is to be stored, and the projection stands still until results have expired: better than a
    // machine without memory. Nothing is lost: all of it is in the log.
    `maxmemory ${Math.max(LEAST_REDIS_MEMORY, Math.floor(totalmem() / 4))}`,
    "maxmemory-policy noeviction",
    "daemonize no",
  ]);
  return program(server, dataDir, port, place, [place.config ?? config]);
}

/** @param {Membership} member */
function clusterLines({ port, monitorPort, routes }) {
  const cluster = [
    "name: jetscribe",
    `listen: "127.0.0.1:${port}"`,
    // Clients and members keep to the addresses that they were given: a test can cut those.
    "no_advertise: true",
    `advertise: "127.0.0.1:${NOBODYS_PORT}"`,
    `routes: [${routes.map((to) => `"nats://127.0.0.1:${to}"`).join(", ")}]`,
  ];
  return [
    `http: "127.0.0.1:${monitorPort}"`,
    `cluster {\n  ${cluster.join("\n  ")}\n}`,
  ];
}

/** @param {Server} server @param {string | undefined} durability */
function syncInterval(server, durability = "process") {
  if (durability !== "process" && durability !== "machine")
    throw new UserError(
      `DURABILITY=${durability}: expected process or machine`,
      CONFIG_EXIT_CODE,
    );
  if (compareVersions(server.version, "2.10.0") >= 0)
    return [`sync_interval: ${durability === "machine" ? "always" : '"1s"'}`];
  if (durability === "machine")
    throw new UserError(
      `DURABILITY=machine needs nats-server 2.10 or newer, found is ${server.version} (${server.binary ?? server.image}).\n` +
        "Put a newer one first on PATH: https://github.com/nats-io/nats-server/releases",
    );
  return [];
}

/**
 * @param {Server} server
 * @param {string} folder
 * @param {number} port
 * @param {number} containerPort
 * @returns {{ host: string, port: number, folder: string, data: string, config?: string }} as the server sees them
 */
function placeFor(server, folder, port, containerPort) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return server.image
    ? { host: "0.0.0.0", port: containerPort, folder, ...IN_CONTAINER }
    : { host: "127.0.0.1", port, folder, data: folder };
}

/** @param {string} dataDir @param {string} name @param {string[]} lines */
function writeConfig(dataDir, name, lines) {
  const file = join(dataDir, name);
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return file;
}

/**
 * @param {Server} server
 * @param {string} dataDir
 * @param {number} port
 * @param {{ port: number, folder: string }} place
 * @param {string[]} args
 * @returns {Program}
 */
function program(server, dataDir, port, place, args) {
  const common = { name: server.kind, cwd: dataDir };
  if (server.binary)
    return {
      ...common,
      command: server.binary,
      args,
      env: { ...process.env, ...libraryEnv(server) },
    };
  const id = createHash("sha256").update(dataDir).digest("hex").slice(0, 8);
  const container = `jetscribe-${server.kind}-${id}`;
  const user =
    process.getuid && process.getgid
      ? ["--user", `${process.getuid()}:${process.getgid()}`]
      : [];
  const flags = [
    ...["run", "--rm", "--name", container, ...user],
    ...["-p", `127.0.0.1:${port}:${place.port}`],
    ...["-v", `${place.folder}:${IN_CONTAINER.data}`],
    ...[
      "-v",
      `${join(dataDir, `${server.kind}.conf`)}:${IN_CONTAINER.config}:ro`,
    ],
    server.image ?? "",
    server.kind === "nats" ? "nats-server" : "redis-server",
  ];
  return {
    ...common,
    command: "docker",
    args: [...flags, ...args],
    env: process.env,
    container,
  };
}

/** @param {number} port */
export const natsUrl = (port) => `nats://127.0.0.1:${port}`;
/** @param {number} port */
export const redisUrl = (port) => `redis://127.0.0.1:${port}`;

/**
 * Resolves once nats-server takes connections: its first line says so, and that JetStream is there.
 * @param {number} port
 * @param {AbortSignal} [signal] rejects with its reason
 */
export function natsReady(port, signal) {
  return until(signal, async () =>
    /^INFO .*"jetstream":\s*true/.test(await firstLine(port)),
  );
}

/**
 * Resolves once redis-server has loaded its data and answers.
 * @param {number} port
 * @param {AbortSignal} [signal] rejects with its reason
 */
export function redisReady(port, signal) {
  return until(signal, async () =>
    (await firstLine(port, "PING\r\n")).startsWith("+PONG"),
  );
}

/** @param {AbortSignal | undefined} signal @param {() => Promise<boolean>} condition */
async function until(signal, condition) {
  while (!(await condition()))
    await sleep(10, undefined, signal ? { signal } : {});
}

/**
 * The first line that a server says; empty if it can't be reached.
 * @param {number} port
 * @param {string} [request]
 * @returns {Promise<string>}
 */
function firstLine(port, request) {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect({ port, host: "127.0.0.1" });
    const end = () => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(1000, end);
    socket.once("error", end).once("close", end);
    if (request) socket.write(request);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (text.includes("\n")) end();
    });
  });
}
