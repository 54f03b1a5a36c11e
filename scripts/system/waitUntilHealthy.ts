import { setTimeout as sleep } from "node:timers/promises";
import { dim, green, say } from "../install/print.mjs";
import {
  allHeard,
  noHealth,
  readHealth,
  waitsFor,
  workerErrors,
  type Health,
} from "./health.ts";
import type { Supervised } from "./supervise.ts";

type Counted = Pick<Supervised, "name" | "failures">;

/**
 * Waits for a healthy or degraded system whose services are all known to run or not, or for one where only a person can
 * help: a worker that reports an error.
 */
export async function waitUntilHealthy(
  url: string,
  supervised: readonly Counted[],
  stopping: AbortSignal,
): Promise<Health> {
  const start = Date.now();
  let nextLineMs = 1000;
  for (;;) {
    const health = await readHealth(url);
    if (stopping.aborted) return health ?? noHealth;
    if (health && isSettled(health)) return health;
    const waitedMs = Date.now() - start;
    if (waitedMs > nextLineMs) {
      nextLineMs = waitedMs + (waitedMs < 10_000 ? 3000 : 15_000);
      const failing = failingNames(supervised);
      const trouble =
        failing.length > 0 ? `; keeps ending: ${failing.join(", ")}` : "";
      const soFar = `${Math.round(waitedMs / 1000)} s so far${trouble}`;
      say(dim(`… waiting for ${waitsFor(health)}, ${soFar}`));
    }
    await sleep(50);
  }
}

/** Those that end again and again. */
export const failingNames = (supervised: readonly Counted[]): string[] =>
  supervised.filter(({ failures }) => failures > 1).map(({ name }) => name);

const isSettled = (health: Health) =>
  workerErrors(health).length > 0 || (health.healthy && allHeard(health));

export async function sayWhenHealthy(
  url: string,
  stopping: AbortSignal,
): Promise<void> {
  while (!stopping.aborted) {
    await sleep(1000);
    if ((await readHealth(url))?.status !== "healthy") continue;
    say(green("Jetscribe is healthy now."));
    return;
  }
}
