/** A stored event as pages are told of it. */
import type { StoredEvent } from "@jetscribe/event-log/codec/storedEvent";
import type { FeedCounts, FeedEvent } from "@jetscribe/schema";

/** `withOwner`: in a list of all owners. */
export type TellEvent = (event: StoredEvent, withOwner: boolean) => FeedEvent;

/** `nameOf`: what people call the model of a slug. */
export const makeTellEvent =
  (nameOf: (slug: string) => string): TellEvent =>
  (
    { seq, time, type, taskId, queue, attempt, labels, ...failure },
    withOwner,
  ) => ({
    ...{ seq, time, type, task_id: taskId },
    ...{ model: nameOf(queue.model), lane: queue.lane },
    ...(withOwner && { owner: queue.owner }),
    ...(hasAttempt(type) && { attempt }),
    ...labels,
    ...(queue.group !== undefined && { group: queue.group }),
    ...(failure.errorType && { error_type: failure.errorType }),
    ...(failure.errorMessage && { error_message: failure.errorMessage }),
  });

const hasAttempt = (type: StoredEvent["type"]): boolean =>
  type === "GenerateStarted" || type === "GenerateRetried";

export const noCounts = (): FeedCounts => ({
  ...{ requested: 0, started: 0, retried: 0 },
  ...{ completed: 0, failed: 0, cancelled: 0 },
});
