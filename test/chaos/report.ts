/** What became of a run, for people. */
import { inspect } from "node:util";
import type { Report } from "./chaos.ts";

/** The counts; where a promise was broken, also what was done and what the services said last. */
export function formatReport(report: Report): string {
  const { violations, journal, tasks, output, ...counts } = report;
  const text = inspect(counts, { breakLength: 100 });
  if (violations.length === 0) return text;
  return [
    ...[text, output, "What was done:", ...journal],
    ...["The tasks below:", ...tasks, ...violations],
  ].join("\n");
}
