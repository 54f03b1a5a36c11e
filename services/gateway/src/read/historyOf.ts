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

/** What a reader may do. */
type Reader = Pick<ApiKey, "scopes" | "link" | "token_expires_at">;

/** Whoever may read no texts. */
export const withoutTexts: Reader = { scopes: new Set() };

/** Its address may hold a secret: that is for keys that may name webhooks, and for no link or token, which are passed on. */
const seesWebhook = ({ scopes, link, token_expires_at }: Reader): boolean =>
  scopes.has("generate") && link === undefined && token_expires_at === undefined; // prettier-ignore

/**
 * As this key may see it: texts need the scope `read:text`, and those of an outcome are not shown after their time. The
 * webhook needs `read:text` and `generate`, and a key.
 * `found`: the task as it was before its events were read. The last part of an open task's time goes up to now.
 */
export function historyOf(
  found: TaskState,
  events: readonly RecordedEvent[],
  reader: Reader,
  clock: Pick<BrokerClock, "nowS">,
): HistoryResponse {
  const task = events.reduce<TaskState | undefined>(evolve, undefined) ?? found;
  const withText = reader.scopes.has("read:text");
  const withWebhook = withText && seesWebhook(reader);
  const withOutcome = withText && (isOpen(task) || !hasExpired(task, clock));
  return {
    task_id: task.task_id,
    status: task.status,
    events: events.map((event) =>
      visibleEvent(event, {
        withText: isOutcome(event) ? withOutcome : withText,
        withWebhook,
      }),
    ),
    timing: timingOf(events, clock.nowS()) ?? null,
  };
}

/** As it may be seen with texts or without, and with the webhook or without. */
export function visibleEvent(
  { seq, time, ...event }: RecordedEvent,
  { withText, withWebhook }: { withText: boolean; withWebhook: boolean },
): HistoryEvent {
  const shown: Record<string, unknown> = { ...event.data };
  if (!withText) for (const name of textFields) delete shown[name];
  if (!withWebhook) delete shown["webhook"];
  delete shown["stderr_tail"];
  if (event.type === "GenerateFailed") {
    const { traceback: _, ...error } = event.data.error;
    shown["error"] = error;
  }
  return { seq, time, type: event.type, data: shown } as HistoryEvent;
}
