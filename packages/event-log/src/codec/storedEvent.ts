/** Events by their subjects and headers, which is what a reader without bodies gets. */
import type { ErrorType, EventType, Queue } from "@jetscribe/schema";
import {
  errorMessageOf,
  errorTypeOf,
  labelsOf,
  type Headers,
  type Labels,
} from "./attributes.ts";

/** A stored event by its subject and headers; its body is not there. */
export interface StoredEvent {
  /** The event's sequence in EVENTS. */
  seq: number;
  /** When the broker stored it, in seconds since the epoch; of nats-server 2.9 when the event was made. */
  time: number;
  type: EventType;
  taskId: string;
  queue: Queue;
  /** That was started, or given up; NaN of the other types. */
  attempt: number;
  /** Of a request that has any. */
  labels?: Labels | undefined;
  /** Of a failure. */
  errorType?: ErrorType | undefined;
  /** Of a failure, as lists have it. */
  errorMessage?: string | undefined;
}

/** An event by its subject, which is parsed, and its headers; undefined where these don't name it. */
export function headedEvent(
  { seq, time, header }: Pick<StoredEvent, "seq" | "time"> & Headers,
  { type, queue }: Pick<StoredEvent, "type" | "queue">,
): StoredEvent | undefined {
  const [taskId, , attempt] = header("Nats-Msg-Id").split(".");
  if (!taskId) return undefined;
  return {
    ...{ seq, time, type, taskId, queue },
    attempt: Number(attempt),
    ...(type === "GenerateRequested" && { labels: labelsOf({ header }) }),
    ...(type === "GenerateFailed" && {
      errorType: errorTypeOf({ header }),
      errorMessage: errorMessageOf({ header }) || undefined,
    }),
  };
}
