import { duration } from "@jetscribe/runtime/config";
import { exceptLoopback } from "@jetscribe/runtime/exceptLoopback";
import { loginOf, seedFileOf } from "@jetscribe/runtime/ownAccounts";
import { parseArgs } from "node:util";
import { addGpuBinaries } from "../install/gpu.mjs";
import { fail, say, step, UserError, yellow } from "../install/print.mjs";
import { folders, withDotEnv, type Env } from "../install/project.mjs";
import { findServer } from "../install/servers.mjs";
import { mayTrace, setUp } from "../install/setup.mjs";
import { applyOwnStreams } from "./applyOwnStreams.ts";
import {
  apiKey,
  choose,
  endLeftovers,
  lockDataDir,
  writeRunning,
} from "./dataDir.ts";
import { healFullDisk } from "./healFullDisk.ts";
import { failingNames, sayWhenHealthy, waitUntilHealthy } from "./health.ts";
import { metricsPort } from "./metricsPorts.ts";
import { keepAccounts, prepareOwnBroker } from "./ownBroker.ts";
import { openTunnel, tunnelProxy, type Tunnel } from "./openTunnel.ts";
import { findGpus, planWorkers } from "./planWorkers.ts";
import { readAddress } from "./readAddress.ts";
import { sayBlock } from "./sayBlock.ts";
import {
  natsProgram,
  natsReady,
  natsUrl,
  redisProgram,
  redisUrl,
  sayVersion,
} from "./serverPrograms.ts";
import { serviceNames, serviceProgram } from "./services.ts";
import { stopOnSignal } from "./stopOnSignal.ts";
import type { Supervised } from "./supervise.ts";
import { superviseAll } from "./superviseAll.ts";

/** `npm start`: everything, on what scripts/start.mjs brought, to a running system in the foreground. */

const usage =
  "npm start -- [--gpu=cuda|vulkan] [--gpus=all|0,1] [--workers=N] [--model name=path]… [--tunnel]";

interface PlannedService {
  name: string;
  env: Env;
}

/** A wrong one is refused by the services, by name. */
const DrainTimeout = duration("30s").catch(30_000);

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
  const supervised: Supervised[] = [];
  const drainMs = DrainTimeout.parse(env["DRAIN_TIMEOUT"]);
  const stopping = stopOnSignal(supervised, dataDir, drainMs);

  const title = "ending what an earlier start left running";
  const ended = await step(title, () => endLeftovers(dataDir));
  if (ended.length > 0)
    say(
      yellow(`Ended what an earlier start left running: ${ended.join(", ")}`),
    );
  const { url, ...address } = await readAddress(env);
  Object.assign(process.env, exceptLoopback(process.env, url));
  const { node } = await setUp({
    examples: false,
    traces: mayTrace(env),
  });
  const nats = env["NATS_URL"] ? undefined : await findServer("nats");
  const redis = env["REDIS_URL"] ? undefined : await findServer("redis");
  if (gpu) await addGpuBinaries(gpu);
  if (nats) sayVersion(nats);
  if (redis) sayVersion(redis);

  const { NAMESPACE: namespace } = env;
  const names = nats && prepareOwnBroker(dataDir, namespace);
  const { natsPort, redisPort, eventsMaxBytes } = await choose(dataDir);
  const urls = {
    NATS_URL: env["NATS_URL"] ?? natsUrl(natsPort),
    REDIS_URL: env["REDIS_URL"] ?? redisUrl(redisPort),
  };
  const key = env["API_KEYS"] ? firstKey(env["API_KEYS"]) : apiKey(dataDir);
  const serviceEnv: Env = {
    EVENTS_MAX_BYTES: String(eventsMaxBytes),
    API_KEYS: `default:${key}`,
    ...(wantsTunnel && { TRUST_PROXY: tunnelProxy }),
    ...(gpu && { GPU: gpu }),
    ...env,
    ...workers[0]?.env,
    ...urls,
    ...(nats && loginOf(dataDir)),
    NGROK_AUTHTOKEN: undefined, // no service's business
    WEBHOOKS: "on", // the service is started below
    PORT: String(address.port),
    HOST: address.host,
    DATA_DIR: dataDir,
    LOG_DIR: logDir,
  };
  const durability = env["DURABILITY"];
  const programs = [
    nats &&
      natsProgram(nats, {
        ...{ dataDir, port: natsPort, durability },
        accounts: true,
      }),
    redis && redisProgram(redis, { dataDir, port: redisPort }),
    ...serviceNames
      .filter((name) => name !== "inference")
      .map((name): PlannedService => ({ name, env: {} }))
      .concat(workers)
      .map(({ name, env }, number) =>
        serviceProgram(name, node, {
          ...serviceEnv,
          ...env,
          ...metricsPort(serviceEnv, number),
        }),
      ),
  ].filter((program) => program !== undefined);
  const giveUp = (error: Error) => void stopping.giveUp(error).catch(fail);
  supervised.push(...superviseAll(programs, dataDir, giveUp));
  // Only a broker of our own is ours to change, and to start again.
  const broker = supervised.find(({ name }) => name === "nats");
  if (broker && names) {
    keepAccounts(dataDir, names, broker, stopping.signal);
    broker.start();
    await natsReady(natsPort, stopping.signal);
    await applyOwnStreams(serviceEnv, stopping.signal);
    if (stopping.signal.aborted) return;
  }
  for (const child of supervised) child.start();
  if (broker && names)
    healFullDisk({
      nats: broker,
      port: natsPort,
      dataDir,
      url,
      names,
      stopping: stopping.signal,
    }).catch(fail);

  const health = await waitUntilHealthy(url, supervised, stopping.signal);
  if (stopping.signal.aborted) return;
  const { NATS_URL, REDIS_URL } = urls;
  const reach = { key, url, natsUrl: NATS_URL, redisUrl: REDIS_URL };
  const operator = broker && seedFileOf(dataDir, "operator");
  writeRunning(dataDir, { ...reach, operator, pid: process.pid });
  const tunnel = wantsTunnel ? await openTunnel(url, env) : undefined;
  const publicUrl = tunnel && "url" in tunnel ? tunnel.url : undefined;
  const { ENGINE: engine } = env;
  const facts = { ...reach, publicUrl, dataDir, logDir, engine };
  sayBlock({ ...facts, health, failing: failingNames(supervised) });
  if (tunnel) sayOrCloseTunnel(tunnel, stopping.signal);
  if (health.status !== "healthy") await sayWhenHealthy(url, stopping.signal);
}

function sayOrCloseTunnel(tunnel: Tunnel, stopping: AbortSignal): void {
  if ("refused" in tunnel)
    return say(
      yellow(`There is no tunnel: ${tunnel.refused}\nThe system runs on.`),
    );
  stopping.addEventListener("abort", () => void tunnel.close().catch(() => {}));
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
    throw new UserError(`${(error as Error).message}\nusage: ${usage}`);
  }
}

/** The first of the user's own keys that can be shown and used: not one given as its hash. */
function firstKey(apiKeys: string): string | undefined {
  const keys = apiKeys
    .split(",")
    .map((pair) => pair.slice(pair.indexOf(":") + 1).trim());
  return keys.find((key) => !key.startsWith("sha256:"));
}
