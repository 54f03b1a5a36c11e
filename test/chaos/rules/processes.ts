/** Nothing died by itself, and nothing was left behind. */
import type { Evidence } from "../evidence.ts";

export function checkProcesses({ ownEnds, strays }: Evidence): string[] {
  return [
    ...ownEnds.map((end) => `a service ended by itself: ${end}`),
    ...strays.map((stray) => `a process was left behind: ${stray}`),
  ];
}
