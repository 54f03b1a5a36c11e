/** What a service said on its standard output stands in `app.log`, unless something was in its way to the broker. */
import type { Evidence } from "../evidence.ts";
import { overlaps, type Entry } from "../journal.ts";
import type { Said } from "../member.ts";
import { isBroker } from "./excuses.ts";

const info = 30;
const levels: Record<number, string> = { 30: "INFO", 40: "WARN", 50: "ERROR" };
/** So long may a record be on its way, and a connection be gone before anybody knows. */
const marginMs = 10_000;

export function checkAppLog({ said, logFiles, journal }: Evidence): string[] {
  const lines = countHeads(logFiles.app);
  const expected = said.filter(
    (one) => one.level >= info && !isExcused(one, journal),
  );
  const wanted = Map.groupBy(expected, headOf);
  return [...wanted].flatMap(([head, records]) =>
    (lines.get(head) ?? 0) >= records.length
      ? []
      : [`app.log lacks a record of ${records[0]?.member}: ${head}`],
  );
}

/** `[2025-11-21 15:30:45.123] INFO  gateway: joined the broker` */
function headOf({ time, level, service, msg }: Said): string {
  const at = new Date(time).toISOString().slice(0, -1).replace("T", " ");
  return `[${at}] ${(levels[level] ?? String(level)).padEnd(5)} ${service}: ${msg}`;
}

/** A line goes on with its fields, ` name=value` each. */
function countHeads(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const head = /^(.*?)(?: [\w.]+=.*)?$/.exec(line)?.[1] ?? line;
    counts.set(head, (counts.get(head) ?? 0) + 1);
  }
  return counts;
}

const isExcused = (
  { member, time }: Said,
  journal: readonly Entry[],
): boolean =>
  journal.some(
    (entry) =>
      (isBroker(entry) || entry.target === member) &&
      overlaps(entry, time, time, marginMs),
  );
