import type { Env } from "../install/project.mjs";

/**
 * Of METRICS_PORT the process with this number gets the port that is so much higher: on one machine none can have another's.
 * A wrong value is handed on, and refused by the services, by name.
 */
export function metricsPort(env: Env, number: number): Env {
  const [, host = "", port] =
    /^(.*:)?(\d+)$/.exec(env["METRICS_PORT"] ?? "") ?? [];
  if (port === undefined) return {};
  return { METRICS_PORT: `${host}${Number(port) + number}` };
}
