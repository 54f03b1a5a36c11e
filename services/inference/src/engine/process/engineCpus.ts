/** Cores of the engine's own (`ENGINE_CPUS`): its process starts by `taskset` of util-linux, and its threads inherit them. */
import { spawnSync } from "node:child_process";
import type { ForkOptions } from "node:child_process";

/** How the process is started on these cores; undefined: on any. */
export const startOn = (
  cpus: string | undefined,
): Pick<ForkOptions, "execPath" | "execArgv"> =>
  cpus === undefined
    ? { execArgv: [] }
    : { execPath: "taskset", execArgv: ["-c", cpus, process.execPath] };

/** Why nothing can be started on these cores; undefined: it can. */
export function whyNotOn(cpus: string): string | undefined {
  const { error, status, stderr } = spawnSync(
    "taskset",
    ["-c", cpus, process.execPath, "--version"],
    { encoding: "utf8" },
  );
  if (error !== undefined)
    return `it needs the program taskset of util-linux: ${error.message}`;
  return status === 0 ? undefined : stderr.trim();
}
