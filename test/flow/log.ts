/** The log as the last witness of what happened. */
import { decodeEvent } from "@jetscribe/event-log/codec/codec";
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { scan } from "@jetscribe/event-log/read/readLog";
import type { RecordedEvent } from "@jetscribe/schema";
import assert from "node:assert/strict";

type BrokerPlace = Omit<Parameters<typeof connectBroker>[0], "name">;

/** All events in the log, by task, in order. */
export async function histories(
  at: string | BrokerPlace,
  namespace?: string,
): Promise<Map<string, RecordedEvent[]>> {
  const place = typeof at === "string" ? { url: at, namespace } : at;
  await using broker = await connectBroker({ ...place, name: "test" });
  const events = new Map<string, RecordedEvent[]>();
  const reading = { stream: broker.streams.events, from: { seq: 1 } };
  await scan(broker, reading, (message) => {
    const decoded = decodeEvent(message);
    assert.ok("event" in decoded);
    const { task_id } = decoded.event.data;
    events.set(task_id, [...(events.get(task_id) ?? []), decoded.event]);
    return false;
  });
  return events;
}

export const countOf = (
  history: readonly RecordedEvent[] | undefined,
  type: RecordedEvent["type"],
): number => history?.filter((event) => event.type === type).length ?? 0;
