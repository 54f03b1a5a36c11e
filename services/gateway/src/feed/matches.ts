/** Pure: whether stored events and tasks match what a page asks for. */
import type { StoredEvent } from "@jetscribe/event-log/codec/storedEvent";
import {
  slugIfAny,
  taskIdTime,
  type EventType,
  type FeedEvent,
  type ListedTask,
  type TaskFilter,
} from "@jetscribe/schema";

/** A task's status after an event that counts. */
export const statusAfter: Readonly<Record<EventType, ListedTask["status"]>> = {
  GenerateRequested: "queued",
  GenerateStarted: "processing",
  GenerateRetried: "queued",
  GenerateCompleted: "completed",
  GenerateFailed: "failed",
  GenerateCancelled: "cancelled",
};

/** By what every event says: owner (a slug, undefined for any), model, lane, and the time in the task's id. */
export function isMeantBy(
  { model, lane, after = 0, before = Infinity }: TaskFilter,
  owner: string | undefined,
): (event: StoredEvent) => boolean {
  const slug = model === undefined ? undefined : (slugIfAny(model) ?? "");
  const isAnyTime = after === 0 && before === Infinity;
  return ({ queue, taskId }) => {
    if (owner !== undefined && queue.owner !== owner) return false;
    if (slug !== undefined && queue.model !== slug) return false;
    if (lane !== undefined && queue.lane !== lane) return false;
    if (isAnyTime) return true;
    const ms = taskIdTime(taskId) ?? NaN;
    return ms >= Math.ceil(after * 1_000) && ms < Math.ceil(before * 1_000);
  };
}

/** The statuses that a task has to have one of; undefined: any. An error is looked for among failed tasks. */
export function wantedStatuses({
  status,
  error,
}: TaskFilter): ReadonlySet<ListedTask["status"]> | undefined {
  if (error === undefined) return status && new Set(status);
  return new Set((status ?? ["failed"]).filter((word) => word === "failed"));
}

/** By what only a request says. */
export const labelsMatch = (
  { user_id, metadata = {}, group }: TaskFilter,
  request: Pick<FeedEvent, "user_id" | "metadata" | "group">,
): boolean =>
  (user_id === undefined || user_id === request.user_id) &&
  (group === undefined || group === request.group) &&
  Object.entries(metadata).every(
    ([key, value]) => request.metadata?.[key] === value,
  );
