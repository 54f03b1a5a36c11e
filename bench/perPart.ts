import { round } from "./figures.ts";
import type { Usage } from "./processes.ts";
import type { Part } from "./system.ts";

const parts: Part[] = [
  "gateway",
  "nats",
  "inference",
  "results",
  "logger",
  "redis",
];

/** A figure of each process, and their sum. */
export function perPart(
  figure: (part: Part) => number,
): Record<string, number> {
  const figures = parts.map((part) => [part, figure(part)] as const);
  const all = round(figures.reduce((sum, [, value]) => sum + value, 0));
  return { all, ...Object.fromEntries(figures) };
}

/** Milliseconds of CPU that each process took between two readings, for each task. */
export const cpuPerTask = (
  before: Record<Part, Usage>,
  after: Record<Part, Usage>,
  tasks: number,
) => perPart((part) => round((after[part].cpuMs - before[part].cpuMs) / tasks));
