/** The independent checker: from the evidence alone, what was promised and not kept. */
import type { Evidence } from "./evidence.ts";
import { checkAllowLists } from "./rules/allowLists.ts";
import { checkAttempts } from "./rules/attempts.ts";
import { checkAlone } from "./rules/alone.ts";
import { checkAppLog } from "./rules/appLog.ts";
import { checkBounds } from "./rules/bounds.ts";
import { checkCallers } from "./rules/callers.ts";
import { checkDeadlines } from "./rules/deadlines.ts";
import { checkDrains } from "./rules/drains.ts";
import { checkExpiry } from "./rules/expiry.ts";
import { checkFeed } from "./rules/feed.ts";
import { checkGroups } from "./rules/groups.ts";
import { checkIdempotency } from "./rules/idempotency.ts";
import { checkKeys } from "./rules/keys.ts";
import { checkLimits } from "./rules/limits.ts";
import { checkLists } from "./rules/lists.ts";
import { checkLiveness } from "./rules/liveness.ts";
import { checkLogFiles } from "./rules/logFiles.ts";
import { checkMetrics } from "./rules/metrics.ts";
import { checkOrder } from "./rules/order.ts";
import { checkOutcomes } from "./rules/outcomes.ts";
import { checkOwners } from "./rules/owners.ts";
import { checkProcesses } from "./rules/processes.ts";
import { checkProjection } from "./rules/projection.ts";
import { checkSchedule } from "./rules/schedule.ts";
import { checkSecrets } from "./rules/secrets.ts";
import { checkSubscribers } from "./rules/subscribers.ts";
import { checkSweeps } from "./rules/sweeps.ts";
import { checkWebhooks } from "./rules/webhooks.ts";
import { tasksOf } from "./tasks.ts";

/** What is wrong, a line each; empty: every promise was kept. */
export function check(evidence: Evidence): string[] {
  const tasks = tasksOf(evidence.log);
  return [
    ...checkOutcomes(evidence, tasks),
    ...checkCallers(evidence, tasks),
    ...checkIdempotency(evidence),
    ...checkSweeps(evidence, tasks),
    ...checkLists(evidence, tasks),
    ...checkKeys(evidence),
    ...checkLimits(evidence, tasks),
    ...checkAttempts(evidence, tasks),
    ...checkAlone(evidence, tasks),
    ...checkOrder(evidence, tasks),
    ...checkDrains(evidence, tasks),
    ...checkExpiry(evidence, tasks),
    ...checkDeadlines(evidence, tasks),
    ...checkSchedule(tasks),
    ...checkOwners(evidence, tasks),
    ...checkGroups(evidence, tasks),
    ...checkFeed(evidence),
    ...checkSubscribers(evidence),
    ...checkWebhooks(evidence, tasks),
    ...checkMetrics(evidence, tasks),
    ...checkBounds(evidence, tasks),
    ...checkLiveness(evidence, tasks),
    ...checkProjection(evidence, tasks),
    ...checkLogFiles(evidence, tasks),
    ...checkAppLog(evidence),
    ...checkSecrets(evidence),
    ...checkAllowLists(evidence),
    ...checkProcesses(evidence),
    ...evidence.sightings,
  ];
}
