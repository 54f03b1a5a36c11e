/** Counters and histograms of tasks: each task counts once, when the projection takes its event in. */
import type { Delivery } from "@jetscribe/event-log/read/pull";
import type { Metrics } from "@jetscribe/runtime/metrics";
import { isOpen, type EndedTask, type RecordedEvent } from "@jetscribe/schema";
import type { Change } from "@jetscribe/task-store";
import { makeTaskCounters } from "./taskCounters.ts";
import { makeTaskTimes } from "./taskTimes.ts";

/** A batch of the log that was projected for the first time. */
export interface Projected {
  changes: readonly Change[];
  events: readonly RecordedEvent[];
  /** The batch as it came, in order: an outcome's headers name its trace. */
  messages: readonly Pick<Delivery, "seq" | "header">[];
}

export function makeTaskMetrics(metrics: Metrics) {
  const count = makeTaskCounters(metrics);
  const noteTimes = makeTaskTimes(metrics);
  function note({ changes, events, messages }: Projected): void {
    for (const { before, after } of changes) {
      if (before === undefined) count.accepted(after);
      // Nothing changes a task that has ended.
      if (isOpen(after)) continue;
      count.ended(after);
      noteTimes(after, traceOf(after, messages));
    }
    for (const { type, data } of events)
      if (type === "GenerateRetried") {
        const of = changes.find(({ after }) => after.task_id === data.task_id);
        if (of) count.retried(of.after, data.reason);
      }
  }
  return { note };
}

/** The trace that the caller began; of a task without one, its id. */
export function traceOf(
  { task_id, end_seq }: Pick<EndedTask, "task_id" | "end_seq">,
  messages: Projected["messages"],
): string {
  // A batch has no gaps, unless the log has.
  const at = messages[end_seq - (messages[0]?.seq ?? 0)];
  const outcome =
    at?.seq === end_seq ? at : messages.find(({ seq }) => seq === end_seq);
  const [, given] =
    /^00-([0-9a-f]{32})-/.exec(outcome?.header("traceparent") ?? "") ?? [];
  return given ?? task_id.replaceAll("-", "");
}
