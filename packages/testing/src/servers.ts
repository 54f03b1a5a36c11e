import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./freePort.ts";
import {
  natsProgram,
  natsReady,
  natsUrl,
  redisProgram,
  redisReady,
  redisUrl,
} from "../../../scripts/system/serverPrograms.ts";
import {
  findServer,
  natsVersions as findNatsVersions,
} from "../../../scripts/install/servers.mjs";
import {
  makeSupervised,
  type Program,
} from "../../../scripts/system/supervise.ts";
import { eventually } from "./eventually.ts";
import { ended, endWithUs } from "./leftovers.ts";
import { makeContainer, type ServerProcess } from "./container.ts";
import { fromEnvironment, type GivenServer } from "./fromEnvironment.ts";

/** Which nats-server: the one that is run by default, or one end of what this machine can have. */
export type NatsVersion = "default" | "oldest" | "newest";

export interface ServerOptions {
  /** Kept when the server stops; by default a private folder that goes with it. */
  dataDir?: string;
  port?: number;
}

export interface NatsOptions extends ServerOptions {
  version?: NatsVersion;
  durability?: "process" | "machine";
  /** The largest message, `64MB` for instance; by default the project's own. */
  maxPayload?: string;
  /** Further lines of its configuration. */
  config?: readonly string[];
  /** Of the server, in a cluster. */
  name?: string;
}

/** What stands before every key of a system in Redis where `REDIS_PREFIX` is not set. */
export const redisPrefix = "jetscribe:";

/** A real server of its own for a test. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly version: string;
  /** Of the process that runs now; undefined while it is down. */
  readonly pid: number | undefined;
  /** Its last lines. */
  output(): string;
  /** Ends it as a crash would (SIGKILL by default), or freezes it (SIGSTOP); its data stays. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data, stopping it first if it runs. */
  restart(): Promise<void>;
  /** Ends it and removes its private folder. */
  stop(): Promise<void>;
}

const STOP_DEADLINE_MS = 10_000;
const READY_DEADLINE_MS = 30_000;

/** Starts a nats-server with JetStream on a free port, with data of its own. */
export async function startNats({
  version = "default",
  durability,
  name,
  maxPayload,
  config,
  ...options
}: NatsOptions = {}): Promise<TestServer> {
  const server = await natsServer(version);
  return startServer(server, options, natsUrl, natsReady, (place) =>
    natsProgram(server, { ...place, durability, name, maxPayload, config }),
  );
}

/** Starts a redis-server on a free port, with data of its own. */
export async function startRedis(
  options: ServerOptions = {},
): Promise<TestServer> {
  const server =
    (await fromEnvironment("redis", "REDIS_SERVER")) ??
    (await findServer("redis"));
  return startServer(server, options, redisUrl, redisReady, (place) =>
    redisProgram(server, place),
  );
}

/** The ends of what this machine can have; only one where they are the same. */
export async function natsVersions(): Promise<NatsVersion[]> {
  const [oldest, newest] = await Promise.all([
    natsServer("oldest"),
    natsServer("newest"),
  ]);
  return oldest.version === newest.version ? ["newest"] : ["oldest", "newest"];
}

/** Runs `fn` with a nats-server of its own, which is gone afterwards. */
export async function withNats<T>(
  fn: (nats: TestServer) => Promise<T>,
  options: NatsOptions = {},
): Promise<T> {
  await using nats = await startNats(options);
  return await fn(nats);
}

/** Runs `fn` with a redis-server of its own, which is gone afterwards. */
export async function withRedis<T>(
  fn: (redis: TestServer) => Promise<T>,
  options: ServerOptions = {},
): Promise<T> {
  await using redis = await startRedis(options);
  return await fn(redis);
}

async function natsServer(version: NatsVersion): Promise<GivenServer> {
  const variable = {
    default: "NATS_SERVER",
    oldest: "NATS_SERVER_OLDEST",
    newest: "NATS_SERVER_NEWEST",
  };
  const given = await fromEnvironment("nats", variable[version]);
  if (given) return given;
  if (version === "default") return findServer("nats");
  const all = await findNatsVersions();
  const server = version === "oldest" ? all[0] : all.at(-1);
  return server ?? findServer("nats");
}

async function startServer(
  server: GivenServer,
  options: ServerOptions,
  urlOf: (port: number) => string,
  ready: (port: number, signal: AbortSignal) => Promise<void>,
  programFor: (place: { dataDir: string; port: number }) => Program,
): Promise<TestServer> {
  const dataDir =
    options.dataDir ??
    (await mkdtemp(join(tmpdir(), `jetscribe-${server.kind}-`)));
  const removeData = async () => {
    if (!options.dataDir) await rm(dataDir, { recursive: true, force: true });
  };
  const port = await freePort(options.port);
  const process = await configure(
    server,
    () => programFor({ dataDir, port }),
    removeData,
  );

  async function start() {
    endWithUs(process);
    await process.start();
    const over = new AbortController();
    const deadline = AbortSignal.any([
      over.signal,
      AbortSignal.timeout(READY_DEADLINE_MS),
    ]);
    void process.gone().then(() => over.abort());
    await ready(port, deadline).catch(async (cause: unknown) => {
      await process.stop(0);
      throw new Error(
        `${server.kind}-server ${server.version} did not start:\n${process.output()}`,
        { cause },
      );
    });
  }

  async function stop() {
    process.send("SIGCONT"); // a frozen one could not end by itself
    await process.stop(STOP_DEADLINE_MS);
    ended(process);
    await removeData();
  }

  await start().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    url: urlOf(port),
    port,
    dataDir,
    version: server.version,
    get pid() {
      return process.pid;
    },
    output: () => process.output(),
    async kill(signal = "SIGKILL") {
      process.send(signal);
      if (signal === "SIGKILL" || signal === "SIGTERM") await process.gone();
      if (signal === "SIGSTOP" && process.pid) await frozen(process.pid);
    },
    async restart() {
      await process.stop(STOP_DEADLINE_MS);
      await start();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** On a busy machine threads run on for a moment after the signal. */
async function frozen(pid: number): Promise<void> {
  if (process.platform !== "linux") return;
  await eventually(async () => {
    const threads = await readdir(`/proc/${pid}/task`);
    const stats = await Promise.all(
      threads.map((id) => readFile(`/proc/${pid}/task/${id}/stat`, "utf8")),
    );
    return stats.every((stat) => stat.includes(") T "));
  });
}

/** A configuration that is refused leaves no folder either. */
async function configure(
  { inImage }: GivenServer,
  program: () => Program,
  undo: () => Promise<void>,
): Promise<ServerProcess> {
  try {
    return inImage === undefined
      ? makeSupervised(program(), { restarts: false })
      : makeContainer(inImage, program());
  } catch (error) {
    await undo();
    throw error;
  }
}
