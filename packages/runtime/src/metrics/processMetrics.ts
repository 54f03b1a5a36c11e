/** What Node and the kernel say of this process: event loop, memory, garbage collection, CPU time, files. */
import { setTimeout as sleep } from "node:timers/promises";
import { collectors } from "./client.ts";
import type { Metrics } from "./metrics.ts";

/** The event loop's delay is sampled so often, in ms: a timer that fires whether or not anybody scrapes. */
const sampleEveryMs = 20;

/** Measures this process from now on. Resolves when there is something to tell of its event loop. */
export async function measureProcess(metrics: Metrics): Promise<void> {
  const config = { eventLoopMonitoringPrecision: sampleEveryMs };
  for (const collect of collectors) collect(metrics.registry, config);
  measureCpu(metrics);
  await sleep(3 * sampleEveryMs);
}

function measureCpu(metrics: Metrics): void {
  let counted = 0;
  metrics.counter({
    name: "process_cpu_seconds_total",
    help: "User and system CPU time of all threads of the process, in seconds.",
    collect() {
      const { user, system } = process.cpuUsage();
      this.inc((user + system) / 1e6 - counted);
      counted = (user + system) / 1e6;
    },
  });
}
