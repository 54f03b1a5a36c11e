import { statfsSync } from "node:fs";
import { join } from "node:path";
import { readJson, writePrivate } from "./data-dir.mjs";
import { freePort } from "./ports.mjs";

/** What the first start chooses and later ones keep, in `choices.json` of DATA_DIR. */

/** @typedef {{ natsPort?: number, redisPort?: number, eventsMaxBytes?: number }} Choices */

const GiB = 2 ** 30;

/** The earlier start's ports if they are free, so that the URL of a subscriber elsewhere stays. @param {string} dataDir */
export async function choose(dataDir) {
  const before = readChoices(dataDir);
  const natsPort = await freePort(before.natsPort);
  const redisPort = await freePort(before.redisPort);
  const eventsMaxBytes = before.eventsMaxBytes ?? chooseEventsMaxBytes(dataDir);
  const choices = { natsPort, redisPort, eventsMaxBytes };
  writeChoices(dataDir, choices);
  return choices;
}

/** @param {string} dataDir @returns {Choices} */
function readChoices(dataDir) {
  return readJson(join(dataDir, "choices.json")) ?? {};
}

/** @param {string} dataDir @param {Choices} choices */
function writeChoices(dataDir, choices) {
  writePrivate(join(dataDir, "choices.json"), JSON.stringify(choices));
}

/**
 * The size of the event log where the user names none. Chosen once: measured again beside a filled log it would come
 * out smaller, and a smaller log drops its oldest events.
 * @param {string} dataDir
 */
function chooseEventsMaxBytes(dataDir) {
  const { bavail, bsize } = statfsSync(dataDir);
  return Math.floor(Math.min(10 * GiB, bavail * bsize * 0.4));
}
