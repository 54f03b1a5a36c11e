/**
 * Between an event and its message: a CloudEvent 1.0 in binary content mode, whose attributes are NATS headers and
 * whose body is the JSON data (cloudevents/spec, nats-protocol-binding).
 */
import {
  eventTypes,
  messageId,
  parseEventSubject,
  type EventType,
  type Names,
  type Queue,
  type RecordedEvent,
  type TaskEvent,
} from "@jetscribe/schema";
import type { MsgHdrs } from "@nats-io/nats-core";
import { parseJson } from "./parseJson.ts";
import { quickCheck } from "./quickCheck.ts";

/** A message as it goes to the broker. */
export interface Encoded {
  subject: string;
  id: string;
  headers: MsgHdrs;
  body: Buffer;
  /** Bytes that count against the broker's payload limit. */
  size: number;
}

/** What the log holds at a sequence. */
export interface LogMessage {
  subject: string;
  seq: number;
  /** When the broker stored it, in seconds since the epoch. */
  time: number;
  data: Uint8Array;
}

export function encodeEvent(
  event: TaskEvent,
  queue: Queue,
  {
    names,
    source,
    now,
    traceparent,
  }: {
    names: Pick<Names, "eventSubject">;
    /** The service that appends it: `gateway`. */
    source: string;
    now: Date;
    /** W3C Trace Context; must be one already. */
    traceparent?: string | undefined;
  },
): Encoded {
  const id = messageId(event);
  // All values here are words, ids, numbers and times: nothing in them needs percent-encoding.
  const text =
    `NATS/1.0\r\nce-specversion: 1.0\r\nce-id: ${id}\r\nce-source: /jetscribe/${source}\r\n` +
    `ce-type: jetscribe.${event.type}.v1\r\nce-subject: ${event.data.task_id}\r\nce-time: ${now.toISOString()}\r\n` +
    `ce-dataschema: urn:jetscribe:event:${event.type}:v1\r\nce-datacontenttype: application/json\r\n` +
    (traceparent === undefined ? "" : `traceparent: ${traceparent}\r\n`) +
    `Nats-Msg-Id: ${id}\r\n\r\n`;
  const body = Buffer.from(JSON.stringify(event.data));
  return {
    subject: names.eventSubject(event.type, queue),
    id,
    headers: asHeaders(text),
    body,
    size: text.length + body.length,
  };
}

/**
 * Headers that are written already: setting ten of them one by one costs the client as much as all the rest of a
 * publish. The client asks headers for nothing but `encode()`, which is not in their public type.
 */
export function asHeaders(text: string): MsgHdrs {
  const written = { encode: () => Buffer.from(text, "latin1") };
  return written as unknown as MsgHdrs;
}

/**
 * The event in a message, or why there is none. Fields that this version doesn't know are left out; a body that is no
 * event of its type is never an error of the reader's: it says so and goes on.
 */
export function decodeEvent(
  message: LogMessage,
): { event: RecordedEvent; queue: Queue } | { garbage: string } {
  const parsed = parseEventSubject(message.subject);
  if (parsed === undefined) return { garbage: "the subject is no event's" };
  const { type, queue } = parsed;
  const { seq, time } = message;
  const json = parseBody(message);
  // The schema was chosen by the type, which the compiler can't follow through the union.
  const eventOf = (data: unknown) =>
    ({ type, data, seq, time }) as RecordedEvent;
  if (plainChecks[type](json)) return { event: eventOf(json), queue };
  // Once more from its text: the check may have taken fields away.
  const data = eventTypes[type].schema.safeParse(parseBody(message));
  return data.success
    ? { event: eventOf(data.data), queue }
    : { garbage: `the body is no ${type}: ${paths(data.error)}` };
}

/** Nearly all events pass; the others are parsed, which takes ten times as long. */
const plainChecks = Object.fromEntries(
  Object.entries(eventTypes).map(([type, { schema }]) => [
    type,
    quickCheck(schema),
  ]),
) as Record<EventType, ReturnType<typeof quickCheck>>;

const parseBody = ({ data }: LogMessage): unknown =>
  parseJson(Buffer.from(data.buffer, data.byteOffset, data.length).toString());

/** Which fields are wrong, never what is in them: that may be a prompt. */
const paths = ({
  issues,
}: {
  issues: { path: PropertyKey[]; code?: string }[];
}) =>
  issues
    .map(({ path, code }) => `${path.join(".") || "body"} (${code})`)
    .join(", ");
