import { setTimeout as sleep } from "node:timers/promises";
import type { HealthResponse } from "@jetscribe/schema";
import { dim, green, say } from "../install/print.mjs";
import type { ServiceName } from "./services.ts";
import type { Supervised } from "./supervise.ts";

/** `GET /health`, and whether it says that all is well enough to work. */
export type Health = HealthResponse & { healthy: boolean };

/** One look at `GET /health` of the gateway; undefined: it doesn't answer (yet). */
export async function readHealth(url: string): Promise<Health | undefined> {
  try {
    const signal = AbortSignal.timeout(3000);
    const response = await fetch(`${url}/health`, { signal });
    // Whatever answers here may be another program.
    const body = (await response.json()) as Partial<HealthResponse>;
    return { ...noHealth, ...body, healthy: response.ok };
  } catch {
    return undefined;
  }
}

/** Of a system that hasn't answered. */
const noHealth: Health = {
  healthy: false,
  status: "unhealthy",
  nats: false,
  redis: false,
  workers: [],
  projections: [],
};

/** What the workers report as broken, one line each. */
export const workerErrors = ({ workers }: Health): string[] =>
  workers.flatMap(({ worker_id, error }) =>
    error ? [`worker ${worker_id}: ${error.type}: ${error.message}`] : [],
  );

/** The services that read the log and don't work, one line each. */
export const projectionErrors = ({ projections, away = [] }: Health) => [
  ...projections.flatMap(({ name, error }) =>
    error ? [`${name}: ${error}`] : [],
  ),
  ...away.map((name) => `${name}: it is down, or ends again and again`),
];

/** The services that read the log. */
export const projectionNames: readonly ServiceName[] = ["results", "logger", "webhooks"]; // prettier-ignore

/** Whether each service that reads the log has been heard, or is known to be away. */
function allHeard({ projections, away = [] }: Health): boolean {
  const known = [...projections.map(({ name }) => name), ...away];
  return projectionNames.every((name) => known.includes(name));
}

/** What the workers have not got as it was asked for, each once. */
export const workerWarnings = ({ workers }: Health): string[] => [
  ...new Set(workers.flatMap(({ warnings = [] }) => warnings)),
];

/** What a system that isn't healthy yet waits for, in words. */
function waitsFor(health: Health | undefined): string {
  if (!health) return "the gateway to answer";
  if (health.workers.length === 0) return "a worker to announce itself";
  const loading = health.workers.find(({ model_loaded }) => !model_loaded);
  if (loading) return `the model ${loading.model} to be loaded`;
  if (health.healthy)
    return "results, logger and webhooks to announce themselves";
  return `status ${health.status}`;
}

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

export async function sayWhenHealthy(url: string, stopping: AbortSignal) {
  while (!stopping.aborted) {
    await sleep(1000);
    if ((await readHealth(url))?.status !== "healthy") continue;
    say(green("Jetscribe is healthy now."));
    return;
  }
}
