import { statfsSync } from "node:fs";
import { join } from "node:path";
import { readJson } from "../install/files.mjs";
import { writePrivate } from "./dataDir.ts";
import { freePort } from "./freePort.ts";

/** What the first start chooses and later ones keep, in `choices.json` of DATA_DIR. */
export interface Choices {
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
