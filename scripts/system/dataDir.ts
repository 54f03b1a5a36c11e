import { createHash, randomBytes } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readJson } from "../install/readJson.mjs";
import { tryLock } from "../install/lock.mjs";
import { identityOf, isAlive, killGroup } from "../install/processes.mjs";
import { configExitCode, UserError } from "../install/print.mjs";
// By its path: in an image the scripts find no packages.
import { writePrivate } from "../../packages/runtime/src/writePrivate.ts";
import { freePort } from "./freePort.ts";
import { removeContainer } from "./supervise.ts";

/**
 * What `npm start` keeps in DATA_DIR beside the servers' data:
 * `lock` who runs on it, `pids.json` its processes, `api-key` the key that was made, `running.json` how to reach the
 * running system, `choices.json` what the first start chose. Who is let into the broker stands in packages/runtime/src/ownAccounts.ts.
 */

interface NotedProcess {
  name: string;
  pid: number;
  identity: string;
  container?: string | undefined;
}

export interface Running {
  url: string;
  key: string | undefined;
  natsUrl: string;
  /** The file with the operator's seed; undefined where the broker is not a private one. */
  operator?: string | undefined;
  redisUrl: string;
  pid: number;
}

export function lockDataDir(dataDir: string): { release: () => void } {
  makeDataDir(dataDir);
  const lock = tryLock(join(dataDir, "lock"));
  if (!("holder" in lock)) return lock;
  const running = readRunning(dataDir);
  throw new UserError(
    `Jetscribe already runs on ${dataDir} (process ${lock.holder.pid}${running ? `, ${running.url}` : ""}).\n` +
      "Stop that one first, or start a second one beside it with data of its own: DATA_DIR=.data2 LOG_DIR=.data2/logs PORT=8001 npm start",
  );
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new UserError(
      `DATA_DIR=${dataDir}: expected a folder that this user can write, or make (${(error as NodeJS.ErrnoException).code})`,
      configExitCode,
    );
  }
}

/**
 * The API key of this DATA_DIR, made at the first start: `jsk_<id>_<secret>_<checksum>`. The fixed shape lets secret
 * scanners find a leaked one, the id names it in logs, the checksum tells a mistyped one.
 */
export function apiKey(dataDir: string): string {
  const file = join(dataDir, "api-key");
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const body = `jsk_${randomBytes(4).toString("hex")}_${randomBytes(32).toString("hex")}`;
  const checksum = createHash("sha256").update(body).digest("hex").slice(0, 8);
  const key = `${body}_${checksum}`;
  writePrivate(file, `${key}\n`);
  return key;
}

export const readRunning = (dataDir: string): Running | undefined =>
  readJson(join(dataDir, "running.json"));

/** Undefined: it runs no longer. */
export function writeRunning(
  dataDir: string,
  running: Running | undefined,
): void {
  const file = join(dataDir, "running.json");
  if (running) writePrivate(file, JSON.stringify(running));
  else rmSync(file, { force: true });
}

/** Keeps the list of the processes that were started, for the case that nobody is left to end them. */
export function noteProcesses(dataDir: string) {
  const noted = new Map<string, NotedProcess>();
  const file = join(dataDir, "pids.json");
  const save = () => {
    try {
      writePrivate(file, JSON.stringify([...noted.values()]));
    } catch {
      // The disk is full: better an old list than no system.
    }
  };
  return {
    started(name: string, pid: number, container?: string) {
      const identity = identityOf(pid);
      if (!identity) return; // already gone
      noted.set(name, { name, pid, identity, container });
      save();
    },
    ended(name: string) {
      noted.delete(name);
      save();
    },
  };
}

/**
 * Ends what a killed `npm start` left running on this DATA_DIR: the services, then the servers below them. Gives the
 * names of what was ended.
 */
export async function endLeftovers(dataDir: string): Promise<string[]> {
  const file = join(dataDir, "pids.json");
  const noted = readJson<NotedProcess[]>(file) ?? [];
  const left = noted.filter(isAlive);
  const { servers = [], services = [] } = Object.groupBy(left, ({ name }) =>
    name === "nats" || name === "redis" ? "servers" : "services",
  );
  await Promise.all(services.map((noted) => end(noted, 5000)));
  await Promise.all(servers.map((noted) => end(noted, 10_000)));
  for (const { container } of noted) if (container) removeContainer(container);
  rmSync(file, { force: true });
  return left.map(({ name }) => name);
}

async function end(noted: NotedProcess, deadlineMs: number): Promise<void> {
  try {
    process.kill(noted.pid, "SIGTERM");
  } catch {
    // gone meanwhile
  }
  for (const deadline = Date.now() + deadlineMs; Date.now() < deadline;) {
    if (!isAlive(noted)) return;
    await sleep(20); // it is not our child: nothing tells us of its end
  }
  killGroup(noted.pid, "SIGKILL");
  while (isAlive(noted)) await sleep(20);
}

/** What the first start chooses and later ones keep, in `choices.json` of DATA_DIR. */
interface Choices {
  natsPort: number;
  redisPort: number;
  eventsMaxBytes: number;
}

const GiB = 2 ** 30;

/** Undefined where no start has chosen yet. */
export const readChoices = (dataDir: string): Choices | undefined =>
  readJson(join(dataDir, "choices.json"));

/** The earlier start's ports if they are free, so that the URL of a subscriber elsewhere stays. */
export async function choose(dataDir: string): Promise<Choices> {
  const before: Partial<Choices> = readChoices(dataDir) ?? {};
  const choices = {
    natsPort: await freePort(before.natsPort),
    redisPort: await freePort(before.redisPort),
    eventsMaxBytes: before.eventsMaxBytes ?? chooseEventsMaxBytes(dataDir),
  };
  writePrivate(join(dataDir, "choices.json"), JSON.stringify(choices));
  return choices;
}

/**
 * The size of the event log where the user names none. Chosen once: measured again beside a filled log it would come
 * out smaller, and a smaller log drops its oldest events.
 */
function chooseEventsMaxBytes(dataDir: string): number {
  const { bavail, bsize } = statfsSync(dataDir);
  return Math.floor(Math.min(10 * GiB, bavail * bsize * 0.4));
}
