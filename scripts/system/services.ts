import { compileCache, root, type Env } from "../install/project.mjs";
import { configExitCode } from "../install/print.mjs";
import type { Program, Supervised } from "./supervise.ts";

/** The services, and how a whole system is stopped. */
export const serviceNames = [
  "gateway",
  "inference",
  "results",
  "logger",
  "webhooks",
] as const;
export type ServiceName = (typeof serviceNames)[number];

/** The service that a process is one of: `inference-2` is another worker. */
export const serviceOf = (name: string): string => name.replace(/-\d+$/, "");

/** How Node runs a service; in containers by NODE_OPTIONS, see `deploy/Dockerfile`. */
export const nodeFlags = [
  "--disable-warning=ExperimentalWarning",
  // What a service makes lives for one message. With the default of 16 MB each of them grows by 10 to 40 MB under load;
  // with 4 MB so much survives a collection that a third of the CPU of results went into them.
  "--max-semi-space-size=8",
];

/** A service as a process; `node` runs TypeScript. */
export function serviceProgram(name: string, node: string, env: Env): Program {
  return {
    name,
    command: node,
    args: [...nodeFlags, `services/${serviceOf(name)}/src/main.ts`],
    cwd: root,
    // It drains when its stdin ends, which happens however its parent dies. glibc makes an arena for each thread, up to
    // eight for each core: two hold the same in 12 MB less.
    env: {
      MALLOC_ARENA_MAX: "2",
      NODE_COMPILE_CACHE: compileCache,
      ...env,
      JETSCRIBE_SUPERVISED: "1",
    },
    holdsStdin: true,
    hopelessCode: configExitCode,
  };
}

/** In which order they go: who takes new work first, then who writes down what comes of it, then the ground below. */
const stopOrder = [
  ["inference", "gateway"],
  ["results", "logger", "webhooks"],
  ["redis", "nats"],
];

/** `drainMs`: how long running work may take to finish. Gives the names of those that had to be killed. */
export async function stopInOrder(
  all: readonly Supervised[],
  drainMs: number,
): Promise<string[]> {
  const killed: string[] = [];
  for (const names of stopOrder) {
    const these = all.filter(({ name }) => names.includes(serviceOf(name)));
    const deadlineMs = names.includes("inference") ? drainMs + 5000 : 10_000;
    await Promise.all(
      these.map(async (child) => {
        if (!(await child.stop(deadlineMs))) killed.push(child.name);
      }),
    );
  }
  return killed;
}
