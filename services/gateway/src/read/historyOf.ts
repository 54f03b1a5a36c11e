/** Pure: a task's events, as the call that asks for them answers. */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import {
  evolve,
  isOpen,
  isOutcome,
  textFields,
  timingOf,
  type HistoryEvent,
  type HistoryResponse,
  type RecordedEvent,
  type TaskState,
} from "@jetscribe/schema";
import type { ApiKey } from "../keys/apiKeys.ts";
import { hasExpired } from "./resultOf.ts";

/** Whoever may read no texts. */
export const withoutTexts: Pick<ApiKey, "scopes"> = { scopes: new Set() };

/**
 * As this key may see it: texts need the scope `read:text`, and those of an outcome are not shown after their time.
 * `found`: the task as it was before its events were read. The last part of an open task's time goes up to now.
 */
export function historyOf(
  found: TaskState,
  events: readonly RecordedEvent[],
  { scopes }: Pick<ApiKey, "scopes">,
  clock: Pick<BrokerClock, "nowS">,
): HistoryResponse {
  const task = events.reduce<TaskState | undefined>(evolve, undefined) ?? found;
  const withText = scopes.has("read:text");
  const withOutcome = withText && (isOpen(task) || !hasExpired(task, clock));
  return {
    task_id: task.task_id,
    status: task.status,
    events: events.map((event) =>
      visibleEvent(event, isOutcome(event) ? withOutcome : withText),
    ),
    timing: timingOf(events, clock.nowS()) ?? null,
  };
}

/** As it may be seen with the scope `read:text`, or without. */
export function visibleEvent(
  { seq, time, ...event }: RecordedEvent,
  withText: boolean,
): HistoryEvent {
  const shown: Record<string, unknown> = { ...event.data };
  if (!withText) {
    for (const name of textFields) delete shown[name];
    // Its address may hold a secret.
    delete shown["webhook"];
  }
  delete shown["stderr_tail"];
  if (event.type === "GenerateFailed") {
    const { traceback: _, ...error } = event.data.error;
    shown["error"] = error;
  }
  return { seq, time, type: event.type, data: shown } as HistoryEvent;
}
