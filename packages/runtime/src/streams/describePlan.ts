/** Pure: a plan for the streams as an operator reads it. */
import type { StreamDifference } from "@jetscribe/event-log/streams/streamDifferences";
import type { StreamPlan } from "@jetscribe/event-log/streams/streamPlan";

export const isEmpty = ({ missing, changes }: StreamPlan): boolean =>
  !missing && changes.length === 0;

/** One line for each field that differs, then what is lost, and what can't be done. */
export function describePlan(plan: StreamPlan): string[] {
  const { stream, missing, changes, kept, losses, refusals } = plan;
  if (missing) return [`${stream}: is missing, and is created`];
  const all = [
    ...changes.map(
      (change) => `${fieldOf(change)} -> ${valueOf(change, change.wanted)}`,
    ),
    ...kept.map(
      (stays) => `${fieldOf(stays)} stays: nats-server can't change it`,
    ),
    ...losses.map((loss) => `lost: ${loss}`),
    ...refusals.map((why) => `refused: ${why}`),
  ];
  if (all.length === 0) return [`${stream}: as it should be`];
  return [`${stream}:`, ...all.map((line) => `  ${line}`)];
}

const fieldOf = (difference: StreamDifference) =>
  `${difference.field}: ${valueOf(difference, difference.found)}`;

const nsPerS = 1e9;

function valueOf({ field }: StreamDifference, value: unknown): string {
  if (field === "max_age")
    return value === 0 ? "no limit" : `${Number(value) / nsPerS} s`;
  if (field === "max_bytes")
    return Number(value) < 0 ? "no limit" : `${String(value)} bytes`;
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "none");
}
