import { decodeEvent } from "@jetscribe/event-log/codec/codec";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import type { Logger } from "@jetscribe/runtime";
import { slugIfAny, type Queue, type RecordedEvent } from "@jetscribe/schema";

/** The events of a batch. What is none is left out, and said: its place, never what is in it. */
export function readEvents(
  messages: readonly Delivery[],
  log: Pick<Logger, "warn">,
): RecordedEvent[] {
  const events: RecordedEvent[] = [];
  for (const message of messages) {
    const decoded = decodeEvent(message);
    const because =
      "garbage" in decoded
        ? decoded.garbage
        : whyMisplaced(decoded.event, decoded.queue);
    if (because !== undefined)
      log.warn({ seq: message.seq, because }, "skipped what is no event");
    else if ("event" in decoded) events.push(decoded.event);
  }
  return events;
}

/** A request belongs to the queue that its subject names: that is what permissions and workers go by. */
function whyMisplaced(
  { type, data }: RecordedEvent,
  { model, lane, owner, group }: Queue,
): string | undefined {
  if (type !== "GenerateRequested") return undefined;
  const fits =
    data.lane === lane &&
    data.group === group &&
    slugIfAny(data.model) === model &&
    slugIfAny(data.owner) === owner;
  return fits ? undefined : "the body names another queue than the subject";
}
