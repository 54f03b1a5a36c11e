import "../install/require-node.mjs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readAddress } from "./address.mjs";
import { healFullDisk } from "./broker-disk.mjs";
import { choose } from "./choices.mjs";
import {
  apiKey,
  endLeftovers,
  lockDataDir,
  writeRunning,
} from "./data-dir.mjs";
import { addGpuBinaries } from "../install/gpu.mjs";
import { neverProxyLoopback } from "./no-proxy.mjs";
import { applyOwnStreams } from "./own-streams.mjs";
import { fail, say, step, yellow } from "../install/print.mjs";
import {
  durationMs,
  folders,
  UserError,
  withDotEnv,
} from "../install/project.mjs";
import {
  natsProgram,
  natsReady,
  natsUrl,
  redisProgram,
  redisUrl,
} from "./server-programs.mjs";
import { findServer } from "../install/servers.mjs";
import { SERVICES, serviceProgram } from "./services.mjs";
import { setUp } from "../install/setup.mjs";
import { stopOnSignal } from "./stopping.mjs";
import {
  failingNames,
  sayWhenHealthy,
  waitUntilHealthy,
} from "./until-healthy.mjs";
import { openTunnel, TUNNEL_PROXY } from "./tunnel.mjs";
import { sayVersion } from "../install/versions.mjs";
import { superviseAll } from "./watch.mjs";
import { sayBlock } from "./welcome.mjs";
import { findGpus, planWorkers } from "./workers.mjs";

/** `npm start`: everything, from a fresh clone to a running system in the foreground. */

/** @typedef {import("./supervise.mjs").Supervised} Supervised */

const USAGE =
  "npm start -- [--gpu=cuda|vulkan] [--gpus=all|0,1] [--workers=N] [--model name=path]… [--tunnel]";

main().catch(fail);

async function main() {
  process.stdout.on("error", () => {}); // `npm start | head` must not end us without a word to the children
  const { tunnel: wantsTunnel, ...wishes } = readOptions();
  const gpus = wishes.gpus ? await findGpus(wishes.gpus) : undefined;
  const workers = planWorkers({ ...wishes, gpus });
  const gpu = wishes.gpu ?? (gpus && "cuda");
  const env = withDotEnv();
  const { dataDir, logDir } = folders(env);
  const lock = lockDataDir(dataDir);
  process.once("exit", lock.release);
  /** @type {Supervised[]} */
  const supervised = [];
  const drainMs = durationMs(env.DRAIN_TIMEOUT, 30_000);
  const stopping = stopOnSignal(supervised, dataDir, drainMs);

  const leftovers = await step(
    "ending what an earlier start left running",
    () => endLeftovers(dataDir),
  );
  if (leftovers.length > 0)
    say(
      yellow(
        `Ended what an earlier start left running: ${leftovers.join(", ")}`,
      ),
    );
  const { url, ...address } = await readAddress(env);
  neverProxyLoopback(url);
  const [{ node }, nats, redis] = await allOf([
    setUp(),
    env.NATS_URL ? undefined : findServer("nats"),
    env.REDIS_URL ? undefined : findServer("redis"),
  ]);
  if (gpu) await addGpuBinaries(gpu);
  if (nats) sayVersion(nats);
  if (redis) sayVersion(redis);

  const choices = await choose(dataDir);
  const urls = {
    NATS_URL: env.NATS_URL ?? natsUrl(choices.natsPort),
    REDIS_URL: env.REDIS_URL ?? redisUrl(choices.redisPort),
  };
  const key = env.API_KEYS ? firstKey(env.API_KEYS) : apiKey(dataDir);
  const serviceEnv = {
    EVENTS_MAX_BYTES: String(choices.eventsMaxBytes),
    API_KEYS: `default:${key}`,
    ...(wantsTunnel ? { TRUST_PROXY: TUNNEL_PROXY } : {}),
    ...(gpu ? { GPU: gpu } : {}),
    ...env,
    ...workers[0]?.env,
    ...urls,
    NGROK_AUTHTOKEN: undefined, // no service's business
    PORT: String(address.port),
    HOST: address.host,
    DATA_DIR: dataDir,
    LOG_DIR: logDir,
  };
  const { natsPort, redisPort } = choices;
  const durability = env.DURABILITY;
  const programs = [
    nats && natsProgram(nats, { dataDir, port: natsPort, durability }),
    redis && redisProgram(redis, { dataDir, port: redisPort }),
    ...SERVICES.filter((name) => name !== "inference").map((name) =>
      serviceProgram(name, node, serviceEnv),
    ),
    ...workers.map((worker) =>
      serviceProgram(worker.name, node, { ...serviceEnv, ...worker.env }),
    ),
  ].filter((program) => program !== undefined);
  supervised.push(...superviseAll(programs, dataDir, stopping.giveUp));
  const broker = supervised.find(({ name }) => name === "nats");
  if (broker) {
    const startBroker = async () => {
      broker.start();
      await natsReady(natsPort, stopping.signal);
    };
    await applyOwnStreams({ startBroker, node, env: serviceEnv, dataDir });
    if (stopping.signal.aborted) return;
  }
  for (const one of supervised) one.start();
  const system = { dataDir, port: natsPort, url, stopping: stopping.signal };
  healBroker(supervised, system);

  const health = await waitUntilHealthy(url, supervised, stopping.signal);
  if (stopping.signal.aborted) return;
  const { NATS_URL, REDIS_URL } = urls;
  const reach = { key, url, natsUrl: NATS_URL, redisUrl: REDIS_URL };
  writeRunning(dataDir, { ...reach, pid: process.pid });
  const tunnel = wantsTunnel ? await openTunnel(url, env) : undefined;
  const publicUrl = tunnel && "url" in tunnel ? tunnel.url : undefined;
  const facts = { ...reach, publicUrl, dataDir, logDir, engine: env.ENGINE };
  sayBlock({ ...facts, health, failing: failingNames(supervised) });
  if (tunnel) sayOrCloseTunnel(tunnel, stopping.signal);
  if (health.status !== "healthy") await sayWhenHealthy(url, stopping.signal);
}

/**
 * Only a broker of our own is ours to start again.
 * @param {Supervised[]} supervised
 * @param {{ dataDir: string, port: number, url: string, stopping: AbortSignal }} system
 */
function healBroker(supervised, { dataDir, ...system }) {
  const nats = supervised.find(({ name }) => name === "nats");
  const folder = join(dataDir, "nats");
  if (nats) healFullDisk({ nats, folder, ...system }).catch(fail);
}

/** @param {import("./tunnel.mjs").Tunnel | import("./tunnel.mjs").Refused} tunnel @param {AbortSignal} stopping */
function sayOrCloseTunnel(tunnel, stopping) {
  if ("refused" in tunnel)
    return say(
      yellow(`There is no tunnel: ${tunnel.refused}\nThe system runs on.`),
    );
  stopping.addEventListener("abort", () => tunnel.close().catch(() => {}));
}

/**
 * As Promise.all, but an error waits for the others: they may be in the middle of writing something.
 * @template {readonly unknown[]} T
 * @param {T} promises
 * @returns {Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }>}
 */
async function allOf(promises) {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        gpu: { type: "string" },
        gpus: { type: "string" },
        workers: { type: "string" },
        model: { type: "string", multiple: true },
        tunnel: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UserError(
      `${/** @type {Error} */ (error).message}\nusage: ${USAGE}`,
    );
  }
}

/** The first of the user's own keys that can be shown and used: not one given as its hash. @param {string} apiKeys */
function firstKey(apiKeys) {
  const keys = apiKeys
    .split(",")
    .map((pair) => pair.slice(pair.indexOf(":") + 1).trim());
  return keys.find((key) => !key.startsWith("sha256:"));
}
