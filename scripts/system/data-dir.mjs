import { randomBytes, createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tryLock } from "../install/lock.mjs";
import { identityOf, isAlive } from "../install/process-identity.mjs";
import { CONFIG_EXIT_CODE, UserError } from "../install/user-error.mjs";
import { killGroup, removeContainer } from "./supervise.mjs";

/**
 * What `npm start` keeps in DATA_DIR beside the servers' data:
 * `lock` who runs on it, `pids.json` its processes, `api-key` the key that was made, `running.json` how to reach the
 * running system; and `choices.json` (choices.mjs).
 */

/** @typedef {{ name: string, pid: number, identity: string, container?: string }} Noted */
/** @typedef {{ url: string, key: string | undefined, natsUrl: string, redisUrl: string, pid: number }} Running */

/**
 * @param {string} dataDir
 * @returns {{ release: () => void }}
 */
export function lockDataDir(dataDir) {
  makeDataDir(dataDir);
  const lock = tryLock(join(dataDir, "lock"));
  if (!("holder" in lock)) return lock;
  const running = readRunning(dataDir);
  throw new UserError(
    `Jetscribe already runs on ${dataDir} (process ${lock.holder.pid}${running ? `, ${running.url}` : ""}).\n` +
      "Stop that one first, or start a second one beside it with data of its own: DATA_DIR=.data2 LOG_DIR=.data2/logs PORT=8001 npm start",
  );
}

/** @param {string} dataDir */
function makeDataDir(dataDir) {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    throw new UserError(
      `DATA_DIR=${dataDir}: expected a folder that this user can write, or make (${code})`,
      CONFIG_EXIT_CODE,
    );
  }
}

/**
 * The API key of this DATA_DIR, made at the first start: `jsk_<id>_<secret>_<checksum>`. The fixed shape lets secret
 * scanners find a leaked one, the id names it in logs, the checksum tells a mistyped one.
 * @param {string} dataDir
 */
export function apiKey(dataDir) {
  const file = join(dataDir, "api-key");
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const body = `jsk_${randomBytes(4).toString("hex")}_${randomBytes(32).toString("hex")}`;
  const checksum = createHash("sha256").update(body).digest("hex").slice(0, 8);
  const key = `${body}_${checksum}`;
  writePrivate(file, `${key}\n`);
  return key;
}

/** @param {string} dataDir @returns {Running | undefined} */
export function readRunning(dataDir) {
  return readJson(join(dataDir, "running.json"));
}

/** @param {string} dataDir @param {Running | undefined} running undefined: no longer */
export function writeRunning(dataDir, running) {
  const file = join(dataDir, "running.json");
  if (running) writePrivate(file, JSON.stringify(running));
  else rmSync(file, { force: true });
}

/**
 * Keeps the list of the processes that were started, for the case that nobody is left to end them.
 * @param {string} dataDir
 */
export function noteProcesses(dataDir) {
  /** @type {Map<string, Noted>} */
  const noted = new Map();
  const save = () => {
    try {
      writePrivate(
        join(dataDir, "pids.json"),
        JSON.stringify([...noted.values()]),
      );
    } catch {
      // The disk is full: better an old list than no system.
    }
  };
  return {
    /** @param {string} name @param {number} pid @param {string | undefined} container */
    started(name, pid, container) {
      const identity = identityOf(pid);
      if (!identity) return; // already gone
      noted.set(name, {
        name,
        pid,
        identity,
        ...(container ? { container } : {}),
      });
      save();
    },
    /** @param {string} name */
    ended(name) {
      noted.delete(name);
      save();
    },
  };
}

/**
 * Ends what a killed `npm start` left running on this DATA_DIR: the services, then the servers below them.
 * @param {string} dataDir
 * @returns {Promise<string[]>} the names of what was ended
 */
export async function endLeftovers(dataDir) {
  /** @type {Noted[]} */
  const noted = readJson(join(dataDir, "pids.json")) ?? [];
  const left = noted.filter(isAlive);
  const isServer = (/** @type {Noted} */ { name }) =>
    name === "nats" || name === "redis";
  await Promise.all(
    left.filter((one) => !isServer(one)).map((one) => end(one, 5000)),
  );
  await Promise.all(left.filter(isServer).map((one) => end(one, 10_000)));
  for (const { container } of noted) if (container) removeContainer(container);
  rmSync(join(dataDir, "pids.json"), { force: true });
  return left.map(({ name }) => name);
}

/** @param {Noted} noted @param {number} deadlineMs */
async function end(noted, deadlineMs) {
  signal(noted.pid, "SIGTERM");
  for (const deadline = Date.now() + deadlineMs; Date.now() < deadline;) {
    if (!isAlive(noted)) return;
    await sleep(20); // it is not our child: nothing tells us of its end
  }
  killGroup(noted.pid, "SIGKILL");
  while (isAlive(noted)) await sleep(20);
}

/** @param {number} pid @param {NodeJS.Signals} name */
function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // gone meanwhile
  }
}

/** Whole or not at all, and for its owner only. @param {string} file @param {string} text */
export function writePrivate(file, text) {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}

/** @param {string} file @returns {any} undefined where there is none, or none that can be read */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
