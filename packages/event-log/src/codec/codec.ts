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
import type * as z from "zod";
import { parseJson } from "./parseJson.ts";
import { compiled } from "../fast/compiled.ts";
import { makeHeaders, sizeOfHeaders } from "./headers.ts";
import { errorLine, labelLines, metricsLine } from "./attributes.ts";

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
  // All values but the labels are words, ids, numbers and times: nothing in them needs percent-encoding.
  const lines =
    `ce-specversion: 1.0\r\nce-id: ${id}\r\nce-source: /jetscribe/${source}\r\n` +
    `ce-type: jetscribe.${event.type}.v1\r\nce-subject: ${event.data.task_id}\r\nce-time: ${now.toISOString()}\r\n` +
    `ce-dataschema: urn:jetscribe:event:${event.type}:v1\r\nce-datacontenttype: application/json\r\n` +
    (event.type === "GenerateRequested" ? labelLines(event.data) : "") +
    (event.type === "GenerateFailed" ? errorLine(event.data.error) : "") +
    ("metrics" in event.data ? metricsLine(event.data.metrics) : "") +
    (traceparent === undefined ? "" : `traceparent: ${traceparent}\r\n`) +
    `Nats-Msg-Id: ${id}\r\n`;
  const body = Buffer.from(JSON.stringify(event.data));
  return {
    subject: names.eventSubject(event.type, queue),
    id,
    headers: makeHeaders(lines),
    body,
    size: sizeOfHeaders(lines) + body.length,
  };
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
  const data = schemaOf(type).safeParse(parseBody(message));
  if (!data.success)
    return { garbage: `the body is no ${type}: ${paths(data.error)}` };
  // The schema was chosen by the type, which the compiler can't follow through the union.
  const event = { type, data: data.data, seq, time } as RecordedEvent;
  return { event, queue };
}

type EventSchema = (typeof eventTypes)[EventType]["schema"];
const schemas: Partial<Record<EventType, EventSchema>> = {};

/** Compiled at the first event of its type. */
const schemaOf = (type: EventType): EventSchema =>
  (schemas[type] ??= compiled<EventSchema>(eventTypes[type].schema));

const parseBody = ({ data }: LogMessage): unknown =>
  parseJson(Buffer.from(data.buffer, data.byteOffset, data.length).toString());

/** Which fields are wrong, never what is in them: that may be a prompt. */
const paths = ({ issues }: z.ZodError): string =>
  issues
    .map(({ path, code }) => `${path.join(".") || "body"} (${code})`)
    .join(", ");
