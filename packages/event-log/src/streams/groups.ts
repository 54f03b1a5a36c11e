/** What a group's newest request in the log says: it decides for all tasks of the group. */
import type { GroupPolicy, Queue } from "@jetscribe/schema";
import { decodeEvent } from "../codec/codec.ts";
import type { Broker } from "../broker/connection.ts";
import { lastMessageOf } from "../broker/streamState.ts";

export interface NewestRequest {
  /** Its sequence; 0: the log has none. */
  seq: number;
  concurrency: number;
  policy: GroupPolicy;
}

export async function newestRequest(
  broker: Broker,
  group: Queue,
): Promise<NewestRequest> {
  const subject = broker.subjects.event("requested", group);
  const last = await lastMessageOf(broker, broker.streams.events, subject);
  const decoded = last && decodeEvent(last);
  const event = decoded && "event" in decoded ? decoded.event : undefined;
  const data = event?.type === "GenerateRequested" ? event.data : undefined;
  return {
    seq: last?.seq ?? 0,
    concurrency: data?.group_concurrency ?? 1,
    policy: data?.group_policy ?? "queue",
  };
}
