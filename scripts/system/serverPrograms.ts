/** How the two servers are run: configuration file, command line, and when they are ready. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../install/project.mjs";
import { libraryEnv, type Server } from "../install/servers.mjs";
import {
  configExitCode,
  dim,
  say,
  UserError,
  yellow,
} from "../install/print.mjs";
import { compareVersions } from "../install/setup.mjs";
import { askServer } from "./askServer.ts";
import type { Program } from "./supervise.ts";

/** What an old server lacks, in words; undefined for a current one. */
export function missingFeatures({
  kind,
  version,
}: Pick<Server, "kind" | "version">): string | undefined {
  if (kind === "redis" || compareVersions(version, "2.11.0") >= 0)
    return undefined;
  const ttl = "no per-message expiry (2.11)";
  if (compareVersions(version, "2.10.0") >= 0) return ttl;
  return (
    "no sync_interval (2.10): events survive a crash of the server, but a crash of the machine can lose up to the " +
    `last 2 minutes; DURABILITY=machine is not possible; no stream compression and metadata (2.10); ${ttl}`
  );
}

export function sayVersion(server: Server): void {
  const { kind, version, binary, image } = server;
  const from = binary?.replace(`${root}/`, "") ?? `Docker image ${image}`;
  say(`${kind}-server ${version} ${dim(`(${from})`)}`);
  const missing = missingFeatures(server);
  if (missing) say(yellow(`  this version has ${missing}`));
}

interface ServerOptions {
  /** Holds the server's configuration and, in a folder of its own, its data. */
  dataDir: string;
  /** On loopback. */
  port: number;
}

interface NatsOptions extends ServerOptions {
  /** Of the server; by default `jetscribe`. */
  name?: string | undefined;
  /** `process` (default) or `machine`: what a crash of it may not lose an event to. */
  durability?: string | undefined;
  /** As nats-server reads it. */
  maxPayload?: string | undefined;
  /** Reads `accounts.conf` in the folder of its data; without it everybody is let in. */
  accounts?: boolean | undefined;
  /** Further lines. */
  config?: readonly string[] | undefined;
}

/** Beyond what any disk holds: what is kept is decided by the streams' own limits. */
const unlimitedBytes = 2 ** 50;

/**
 * Above this nats-server collects its garbage more often, so that its memory has a bound. It needs its blocks of the last
 * ten seconds and its message ids of the last two minutes, which grows with what the machine can do: on two cores, where
 * tasks came for two minutes, it did little but collect with 192 MB, and they were done at two thirds of the speed that
 * they are with 512. GOMEMLIMIT in the environment sets another.
 */
const natsMemory = `${256 * availableParallelism()}MiB`;

/**
 * So many threads of nats-server run Go code at once. With as many as cores, threads that look for work wake each other
 * all the time: on two cores a task cost it 118 µs, and costs it 88 with one. GOMAXPROCS in the environment sets another.
 */
const natsThreads = String(Math.max(1, Math.floor(availableParallelism() / 2)));

/** In bytes, where a quarter of the machine's memory is less. */
const minRedisMemory = 256 * 2 ** 20;

/** Where a container finds its configuration and its data, and listens. */
const inContainer = { config: "/etc/jetscribe.conf", data: "/data" };
const defaultPorts = { nats: 4222, redis: 6379 };

export function natsProgram(server: Server, options: NatsOptions): Program {
  const { name = "jetscribe", durability, maxPayload = "8MB" } = options;
  const seen = seenBy(server, options);
  const jetstream = [
    `store_dir: ${JSON.stringify(seen.data)}`,
    `max_file_store: ${unlimitedBytes}`,
    ...syncInterval(server, durability),
  ];
  const lines = [
    `server_name: ${name}`,
    `listen: ${JSON.stringify(`${seen.host}:${seen.port}`)}`,
    `max_payload: ${maxPayload}`,
    `jetstream {\n  ${jetstream.join("\n  ")}\n}`,
    ...(options.accounts ? [includeAccounts(seen)] : []),
    ...(options.config ?? []),
  ];
  const nats = program(server, options, lines, ["-c", seen.config]);
  return {
    ...nats,
    env: { GOMEMLIMIT: natsMemory, GOMAXPROCS: natsThreads, ...nats.env },
  };
}

export function redisProgram(server: Server, options: ServerOptions): Program {
  const seen = seenBy(server, options);
  const lines = [
    `bind ${seen.host}`,
    `port ${seen.port}`,
    // The published port of a container reaches the server from another address.
    `protected-mode ${server.image ? "no" : "yes"}`,
    `dir ${JSON.stringify(seen.data)}`,
    "appendonly yes",
    "appendfsync everysec",
    'save ""',
    // Full, it refuses what is to be stored, and the projection stands still until results have expired: better than a
    // machine without memory. Nothing is lost: all of it is in the log.
    `maxmemory ${Math.max(minRedisMemory, Math.floor(totalmem() / 4))}`,
    "maxmemory-policy noeviction",
    "daemonize no",
  ];
  return program(server, options, lines, [seen.config]);
}

/** nats-server looks for it from the folder of its configuration, also where the path is absolute. */
const includeAccounts = ({ config, data }: { config: string; data: string }) =>
  `include ${JSON.stringify(join(relative(dirname(config), data), "accounts.conf"))}`;

function syncInterval(server: Server, durability = "process"): string[] {
  if (durability !== "process" && durability !== "machine")
    throw new UserError(
      `DURABILITY=${durability}: expected process or machine`,
      configExitCode,
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

/** Where the server listens and finds its files, as it sees them itself. */
function seenBy({ kind, image }: Server, { dataDir, port }: ServerOptions) {
  return image
    ? { host: "0.0.0.0", port: defaultPorts[kind], ...inContainer }
    : {
        host: "127.0.0.1",
        port,
        data: join(dataDir, kind),
        config: join(dataDir, `${kind}.conf`),
      };
}

function program(
  server: Server,
  { dataDir, port }: ServerOptions,
  lines: string[],
  args: string[],
): Program {
  const { kind, binary, image = "" } = server;
  const [data, config] = [join(dataDir, kind), join(dataDir, `${kind}.conf`)];
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const head = "# Written by `npm start`, at each start.";
  const text = `${[head, ...lines].join("\n")}\n`;
  writeFileSync(config, text, { mode: 0o600 });
  const common = { name: kind, cwd: dataDir };
  if (binary) {
    const env = { ...process.env, ...libraryEnv(server) };
    return { ...common, command: binary, args, env };
  }
  const id = createHash("sha256").update(dataDir).digest("hex").slice(0, 8);
  const container = `jetscribe-${kind}-${id}`;
  const flags = [
    ...["run", "--rm", "--name", container],
    ...["--user", `${process.getuid?.()}:${process.getgid?.()}`],
    ...["-p", `127.0.0.1:${port}:${defaultPorts[kind]}`],
    ...["-v", `${data}:${inContainer.data}`],
    ...["-v", `${config}:${inContainer.config}:ro`],
    ...[image, `${kind}-server`],
  ];
  return {
    ...common,
    command: "docker",
    args: [...flags, ...args],
    env: process.env,
    container,
  };
}

export const natsUrl = (port: number): string => `nats://127.0.0.1:${port}`;
export const redisUrl = (port: number): string => `redis://127.0.0.1:${port}`;

/** Resolves once nats-server takes connections, and has JetStream. Rejects when the signal aborts. */
export const natsReady = (port: number, signal?: AbortSignal): Promise<void> =>
  firstLine(port, "", /^INFO .*"jetstream":\s*true/, signal);

/** Resolves once redis-server has loaded its data and answers. Rejects when the signal aborts. */
export const redisReady = (port: number, signal?: AbortSignal): Promise<void> =>
  firstLine(port, "PING\r\n", /^\+PONG/, signal);

/** Asks until the first line that the server says is the wanted one. */
async function firstLine(
  port: number,
  request: string,
  wanted: RegExp,
  signal?: AbortSignal,
): Promise<void> {
  const hasLine = (text: string) => text.includes("\n");
  for (;;) {
    const { text } = await askServer(port, request, 1000, hasLine);
    if (wanted.test(text)) return;
    await sleep(10, undefined, signal && { signal });
  }
}
