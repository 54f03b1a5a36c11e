/** The independent checker: from the evidence alone, what was promised and not kept. */
import type { Evidence } from "./evidence.ts";
import { checkAttempts } from "./rules/attempts.ts";
import { checkCallers } from "./rules/callers.ts";
import { checkExpiry } from "./rules/expiry.ts";
import { checkLogFiles } from "./rules/logFiles.ts";
import { checkOutcomes } from "./rules/outcomes.ts";
import { checkProcesses } from "./rules/processes.ts";
import { checkProjection } from "./rules/projection.ts";
import { tasksOf } from "./tasks.ts";

/** What is wrong, a line each; empty: every promise was kept. */
export function check(evidence: Evidence): string[] {
  const tasks = tasksOf(evidence.log);
  return [
    ...checkOutcomes(evidence, tasks),
    ...checkCallers(evidence, tasks),
    ...checkAttempts(evidence, tasks),
    ...checkExpiry(evidence, tasks),
    ...checkProjection(evidence, tasks),
    ...checkLogFiles(evidence, tasks),
    ...checkProcesses(evidence),
    ...evidence.sightings,
  ];
}
