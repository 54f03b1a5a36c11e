import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectLine } from "@jetscribe/event-log/accounts/connectLine";
import { seedFileOf } from "@jetscribe/runtime/ownAccounts";
import type { Names } from "@jetscribe/schema";
import { green, red, say, yellow } from "../install/print.mjs";
import { askServer } from "./askServer.ts";
import { readHealth } from "./health.ts";
import type { Supervised } from "./supervise.ts";

const lookEveryMs = 2000;
/** So often in a row it has to be seen in that state: a disk that is only slow answers in the end. */
const surelyLooks = 5;
const answersWithinMs = 2000;
const restartEveryMs = 60_000;
const stopDeadlineMs = 2000;
/** Some of the largest messages; with less the disk would be full again at once. */
const roomBytes = 64 * 2 ** 20;

/**
 * A nats-server whose disk was full stores nothing any more, also when there is room again, until it is started anew:
 * 2.15.1 leaves what is written to a stream unanswered, 2.9.10 whatever is asked about it, and SIGTERM too. Here that
 * is done for the one that `npm start` runs.
 */
export async function healFullDisk(broker: {
  nats: Supervised;
  port: number;
  /** Of the system: its data and its users are there. */
  dataDir: string;
  /** Of the gateway. */
  url: string;
  /** Of its streams. */
  names: Names;
  stopping: AbortSignal;
}): Promise<void> {
  const { nats, port, dataDir, url, stopping } = broker;
  const folder = join(dataDir, "nats");
  const streams = Object.values(broker.names.streams);
  const seed = readFileSync(seedFileOf(dataDir, "operator"), "utf8");
  let looks = 0;
  let pid: number | undefined;
  let restartedAt = -Infinity;
  let wasStuck = false;
  let saidFull = false;

  async function look() {
    const health = await readHealth(url);
    const stuck =
      Boolean(health?.stores_nothing) ||
      (await isSilent(port, { streams, seed }, wasStuck));
    if (stopping.aborted) return;
    const well = !stuck && health?.nats === true;
    if (well) sayWell();
    // Nothing is known yet of one that was just started: it may have a large log to load.
    if (well || pid !== nats.pid) looks = 0;
    pid = nats.pid;
    if (!stuck) return;
    looks++;
    const isEarly = performance.now() - restartedAt < restartEveryMs;
    if (!(await hasRoom(folder))) sayFull();
    else if (looks >= surelyLooks && !isEarly) await restart();
  }

  function sayWell() {
    if (wasStuck) say(green("The broker stores again."));
    wasStuck = saidFull = false;
  }

  function sayFull() {
    if (saidFull) return;
    wasStuck = saidFull = true;
    say(
      red(
        `The broker's disk is full: no prompt is accepted, nothing accepted is lost. Make room on the disk of ${folder} ` +
          `(${roomBytes / 2 ** 20} MiB at least): then all goes on by itself.`,
      ),
    );
  }

  async function restart() {
    wasStuck = true;
    say(
      yellow(
        "The broker stores nothing although its disk has room, as after a full disk: starting it again.",
      ),
    );
    await nats.stop(stopDeadlineMs);
    if (stopping.aborted) return;
    nats.start();
    restartedAt = performance.now();
  }

  while (!stopping.aborted) {
    await look();
    await sleep(lookEveryMs, undefined, { signal: stopping }).catch(() => {});
  }
}

async function hasRoom(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize >= roomBytes;
}

/**
 * Whether it takes a connection and then doesn't answer for its streams. On a connection that asked in vain 2.9 answers
 * nothing else either, so each look has one of its own. One that doesn't even greet counts only where it was stuck
 * before: then no gateway is connected to it that could say so.
 */
async function isSilent(
  port: number,
  { streams, seed }: { streams: readonly string[]; seed: string },
  wasStuck: boolean,
): Promise<boolean> {
  const inbox = `_INBOX_operator.supervisor.${process.pid}`;
  const questions = streams.map(
    (stream) => `PUB $JS.API.STREAM.INFO.${stream} ${inbox} 0\r\n\r\n`,
  );
  const asked = `SUB ${inbox} 1\r\n${questions.join("")}`;
  const { text, silent } = await askServer(
    port,
    (greeting) => connectLine(greeting, seed) + asked,
    answersWithinMs,
    (text) => text.split(`\nMSG ${inbox} `).length > streams.length,
  );
  return silent && (wasStuck || text.startsWith("INFO "));
}
