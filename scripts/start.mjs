import "./require-node.mjs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  apiKey,
  chooseEventsMaxBytes,
  endLeftovers,
  lockDataDir,
  noteProcesses,
  readChoices,
  writeChoices,
  writeRunning,
} from "./data-dir.mjs";
import { formatLine } from "./format-line.mjs";
import { addGpuBinaries } from "./gpu.mjs";
import { readHealth, waitsFor, workerErrors } from "./health.mjs";
import { freePort, isFree } from "./ports.mjs";
import { dim, fail, green, red, say, step, yellow } from "./print.mjs";
import {
  durationMs,
  folders,
  root,
  UserError,
  withDotEnv,
} from "./project.mjs";
import {
  natsProgram,
  natsUrl,
  redisProgram,
  redisUrl,
} from "./server-programs.mjs";
import { findServer, missingFeatures } from "./servers.mjs";
import { SERVICES, serviceProgram } from "./services.mjs";
import { setUp } from "./setup.mjs";
import { stopOnSignal } from "./stopping.mjs";
import { makeSupervised } from "./supervise.mjs";
import { sayBlock } from "./welcome.mjs";

/** `npm start`: everything, from a fresh clone to a running system in the foreground. */

/** @typedef {import("./project.mjs").Env} Env */
/** @typedef {import("./servers.mjs").Server} Server */
/** @typedef {import("./supervise.mjs").Program} Program */
/** @typedef {import("./supervise.mjs").Supervised} Supervised */

const USAGE = "npm start [-- --gpu=cuda|vulkan]";

main().catch(fail);

async function main() {
  process.stdout.on("error", () => {}); // `npm start | head` must not end us without a word to the children
  const { gpu } = readOptions();
  const env = withDotEnv();
  const { dataDir, logDir } = folders(env);
  const lock = lockDataDir(dataDir);
  process.once("exit", lock.release);

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
  const address = await readAddress(env);
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
    ...env,
    ...urls,
    PORT: String(address.port),
    HOST: address.host,
    DATA_DIR: dataDir,
    LOG_DIR: logDir,
  };
  const programs = [
    ...(nats
      ? [
          natsProgram(nats, {
            dataDir,
            port: choices.natsPort,
            durability: env.DURABILITY,
          }),
        ]
      : []),
    ...(redis
      ? [redisProgram(redis, { dataDir, port: choices.redisPort })]
      : []),
    ...SERVICES.map((name) => serviceProgram(name, node, serviceEnv)),
  ];
  const supervised = superviseAll(programs, dataDir);
  const stopping = stopOnSignal(
    supervised,
    dataDir,
    durationMs(env.DRAIN_TIMEOUT, 30_000),
  );
  for (const one of supervised) one.start();

  const health = await waitUntilHealthy(address.url, supervised, stopping);
  if (stopping.aborted) return;
  writeRunning(dataDir, {
    url: address.url,
    key,
    natsUrl: urls.NATS_URL,
    redisUrl: urls.REDIS_URL,
    pid: process.pid,
  });
  sayBlock({
    health,
    url: address.url,
    key,
    natsUrl: urls.NATS_URL,
    dataDir,
    logDir,
    engine: env.ENGINE,
  });
  if (!health.healthy) await sayWhenHealthy(address.url, stopping);
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
    return parseArgs({ options: { gpu: { type: "string" } } }).values;
  } catch (error) {
    throw new UserError(
      `${/** @type {Error} */ (error).message}\nusage: ${USAGE}`,
    );
  }
}

/** Where the gateway listens, and the URL by which this machine reaches it. @param {Env} env */
async function readAddress(env) {
  const host = env.HOST ?? "127.0.0.1";
  const port = Number(env.PORT ?? 8000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UserError(`PORT=${env.PORT}: expected a number from 1 to 65535`);
  if (!(await isFree(port, host)))
    throw new UserError(
      `port ${port} is taken by another program (or may not be used by this user).\n` +
        `Start Jetscribe on another one: PORT=${port === 8000 ? 8001 : port + 1} npm start`,
    );
  const reachable =
    { "0.0.0.0": "127.0.0.1", "::": "[::1]" }[host] ??
    (host.includes(":") ? `[${host}]` : host);
  return { host, port, url: `http://${reachable}:${port}` };
}

/** @param {Server} server */
function sayVersion(server) {
  const { kind, version, binary, image } = server;
  const from = image
    ? `Docker image ${image}`
    : binary?.startsWith(root)
      ? binary.slice(root.length + 1)
      : binary;
  say(`${kind}-server ${version} ${dim(`(${from})`)}`);
  const missing = missingFeatures(server);
  if (missing) say(yellow(`  this version has ${missing}`));
}

/** The earlier start's ports if they are free, so that the URL of a subscriber elsewhere stays. @param {string} dataDir */
async function choose(dataDir) {
  const before = readChoices(dataDir);
  const natsPort = await freePort(before.natsPort);
  const redisPort = await freePort(before.redisPort);
  const eventsMaxBytes = before.eventsMaxBytes ?? chooseEventsMaxBytes(dataDir);
  const choices = { natsPort, redisPort, eventsMaxBytes };
  writeChoices(dataDir, choices);
  return choices;
}

/** The first of the user's own keys that can be shown and used: not one given as its hash. @param {string} apiKeys */
function firstKey(apiKeys) {
  const keys = apiKeys
    .split(",")
    .map((pair) => pair.slice(pair.indexOf(":") + 1).trim());
  return keys.find((key) => !key.startsWith("sha256:"));
}

/** @param {Program[]} programs @param {string} dataDir @returns {Supervised[]} */
function superviseAll(programs, dataDir) {
  const notes = noteProcesses(dataDir);
  return programs.map((program) => {
    const { name, container } = program;
    const isService = SERVICES.some((service) => service === name);
    const one = makeSupervised(program, {
      onStart: (pid) => notes.started(name, pid, container),
      onLine: (line) => {
        if (isService) say(formatLine(name, line));
        else if (isServerTrouble(line)) say(formatLine(name, line));
      },
      onExit: ({ code, signal, restartInMs }) => {
        notes.ended(name);
        if (restartInMs === undefined) return;
        // What a server said last explains its end, unless somebody else ended it.
        if (!isService && code !== null) say(lastLines(one));
        const how = signal
          ? `was killed by ${signal}`
          : `ended with code ${code}`;
        say(
          red(`${name} ${how}; starting it again in ${restartInMs / 1000} s`),
        );
      },
    });
    return one;
  });
}

/** @param {Supervised} one */
function lastLines(one) {
  const lines = one.output().split("\n").slice(-5);
  return lines.map((line) => formatLine(one.name, line)).join("\n");
}

/** nats-server's errors; what it and Redis say otherwise is of no use to somebody who sees them run. @param {string} line */
function isServerTrouble(line) {
  return /\[(ERR|FTL)\]/.test(line);
}

/**
 * Waits for a healthy system, or for one where only a person can help: a worker that reports an error.
 * @param {string} url
 * @param {Supervised[]} supervised
 * @param {AbortSignal} stopping
 */
async function waitUntilHealthy(url, supervised, stopping) {
  const start = Date.now();
  let nextLineMs = 2000;
  for (;;) {
    const health = await readHealth(url);
    if (stopping.aborted) return health ?? NO_HEALTH;
    if (health?.healthy || (health && workerErrors(health).length > 0))
      return health;
    const waitedMs = Date.now() - start;
    if (waitedMs > nextLineMs) {
      nextLineMs = waitedMs + (waitedMs < 10_000 ? 3000 : 15_000);
      const failing = supervised
        .filter(({ failures }) => failures > 1)
        .map(({ name }) => name);
      const trouble =
        failing.length > 0 ? `; keeps ending: ${failing.join(", ")}` : "";
      say(
        dim(
          `… waiting for ${waitsFor(health)}, ${Math.round(waitedMs / 1000)} s so far${trouble}`,
        ),
      );
    }
    await sleep(50);
  }
}

/** @type {import("./health.mjs").Health} */
const NO_HEALTH = {
  healthy: false,
  status: "stopping",
  nats: undefined,
  redis: undefined,
  workers: [],
};

/** @param {string} url @param {AbortSignal} stopping */
async function sayWhenHealthy(url, stopping) {
  while (!stopping.aborted) {
    await sleep(1000);
    if (!(await readHealth(url))?.healthy) continue;
    say(green("Jetscribe is healthy now."));
    return;
  }
}
