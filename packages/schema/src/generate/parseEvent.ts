import type * as z from "zod";
import { eventTypes, type RecordedEvent } from "./events.ts";
import type { EventType } from "./kinds.ts";
import { parseEventSubject, type Queue } from "./subjects.ts";

/** A message of the stream EVENTS, as any client of NATS has it. */
export interface EventMessage {
  subject: string;
  /** Its sequence in EVENTS. */
  seq: number;
  /** When the broker stored it, in seconds since the epoch. */
  time: number;
  /** The message's body: JSON in UTF-8. */
  body: string | Uint8Array;
}

/** The event and the queue of its task; or why the message is none, which never repeats what stands in it. */
export type ParsedEvent =
  { event: RecordedEvent; queue: Queue } | { garbage: string };

type EventSchema = (typeof eventTypes)[EventType]["schema"];

/**
 * The event in a message. Never throws: a stream can hold what is no event. Fields that this version doesn't know are left
 * out. Subjects of any namespace are understood. `schemaOf` gives another schema that takes the same, such as a compiled one.
 */
export function parseEvent(
  { subject, seq, time, body }: EventMessage,
  schemaOf: (type: EventType) => EventSchema = (type) =>
    eventTypes[type].schema,
): ParsedEvent {
  const parsed = parseEventSubject(subject);
  if (parsed === undefined) return { garbage: "the subject is no event's" };
  const { type, queue } = parsed;
  const data = schemaOf(type).safeParse(jsonIn(body));
  if (!data.success)
    return { garbage: `the body is no ${type}: ${paths(data.error)}` };
  // The schema was chosen by the type, which the compiler can't follow through the union.
  const event = { type, data: data.data, seq, time } as RecordedEvent;
  return { event, queue };
}

/** Undefined where the body is no JSON. */
function jsonIn(body: string | Uint8Array): unknown {
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Which fields are wrong, never what is in them: that may be a prompt. */
const paths = ({ issues }: z.ZodError): string =>
  issues
    .map(({ path, code }) => `${path.join(".") || "body"} (${code})`)
    .join(", ");
