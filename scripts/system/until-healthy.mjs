import { setTimeout as sleep } from "node:timers/promises";
import { allHeard, readHealth, waitsFor, workerErrors } from "./health.mjs";
import { dim, green, say } from "../install/print.mjs";

/** @typedef {import("./health.mjs").Health} Health */
/** @typedef {import("./supervise.mjs").Supervised} Supervised */

/**
 * Waits for a healthy or degraded system whose services are all known to run or not, or for one where only a person can help: a worker that reports an error.
 * @param {string} url
 * @param {Supervised[]} supervised
 * @param {AbortSignal} stopping
 */
export async function waitUntilHealthy(url, supervised, stopping) {
  const start = Date.now();
  let nextLineMs = 1000;
  for (;;) {
    const health = await readHealth(url);
    if (stopping.aborted) return health ?? NO_HEALTH;
    if (health && isSettled(health)) return health;
    const waitedMs = Date.now() - start;
    if (waitedMs > nextLineMs) {
      nextLineMs = waitedMs + (waitedMs < 10_000 ? 3000 : 15_000);
      const failing = failingNames(supervised);
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

/** Those that end again and again. @param {Supervised[]} supervised */
export const failingNames = (supervised) =>
  supervised.filter(({ failures }) => failures > 1).map(({ name }) => name);

/** @param {Health} health */
const isSettled = (health) =>
  workerErrors(health).length > 0 || (health.healthy && allHeard(health));

/** @type {Health} */
const NO_HEALTH = {
  healthy: false,
  status: "stopping",
  nats: undefined,
  redis: undefined,
  workers: [],
  projections: [],
  away: [],
};

/** @param {string} url @param {AbortSignal} stopping */
export async function sayWhenHealthy(url, stopping) {
  while (!stopping.aborted) {
    await sleep(1000);
    if ((await readHealth(url))?.status !== "healthy") continue;
    say(green("Jetscribe is healthy now."));
    return;
  }
}
