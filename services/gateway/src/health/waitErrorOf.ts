/** Pure: how wrong the estimated waits were. */
import type { HealthResponse } from "@jetscribe/schema";

/** A wait under a second counts as one: nobody cares by what factor a moment was missed. */
const minS = 1;

export function waitErrorOf(
  waits: readonly { estimated: number; real: number }[],
): HealthResponse["wait_error"] {
  if (waits.length === 0) return undefined;
  const errors = waits
    .map(({ estimated, real }) => {
      return Math.abs(estimated - real) / Math.max(real, minS);
    })
    .sort((a, b) => a - b);
  const at = (share: number) => {
    const error = errors[Math.ceil(share * errors.length) - 1] ?? 0;
    return Math.round(error * 1_000) / 1_000;
  };
  return { median: at(0.5), p90: at(0.9), tasks: waits.length };
}
