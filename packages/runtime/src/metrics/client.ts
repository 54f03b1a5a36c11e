/**
 * The door to Prometheus' client. Its parts are loaded by their files: the package's index loads OpenTelemetry's API, which
 * is for traces alone, and is not loaded while none are exported.
 */
import type * as client from "@prometheus-io/client";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const part = <T>(name: string) =>
  require(`@prometheus-io/client/lib/${name}.js`) as T;

export const Registry = part<typeof client.Registry>("registry");
export const Counter = part<typeof client.Counter>("counter");
export const Gauge = part<typeof client.Gauge>("gauge");
export const Histogram = part<typeof client.Histogram>("histogram");

type Collector = (
  registry: InstanceType<typeof Registry>,
  config: { eventLoopMonitoringPrecision: number },
) => void;

/** What the client measures of a process; its CPU time needs OpenTelemetry's API, see `processMetrics.ts`. */
export const collectors = [
  ...["eventLoopLag", "eventLoopUtilization", "gc", "heapSizeAndUsed"],
  ...["osMemoryHeap", "processMaxFileDescriptors", "processResources"],
  ...["processOpenFileDescriptors", "processStartTime", "version"],
].map((name) => part<Collector>(`metrics/${name}`));
