/** A task is not started before its not_before, by the broker's clock. */
import type { LoggedTask } from "../tasks.ts";

/** A service knows that clock as exactly as the broker answers fast: half of half a second, where it is slow. */
export const clockSlackMs = 250;

export const checkSchedule = (
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] => [...tasks.values()].flatMap(checkStart);

function checkStart({ id, requests, starts }: LoggedTask): string[] {
  const notBefore = Number(requests[0]?.data["not_before"]) * 1_000;
  const early = notBefore - (starts[0]?.time ?? Infinity);
  return early > clockSlackMs
    ? [`${id}: started ${Math.round(early)} ms before its not_before`]
    : [];
}
