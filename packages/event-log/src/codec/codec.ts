/**
 * Between an event and its message: a CloudEvent 1.0 in binary content mode, whose attributes are NATS headers and
 * whose body is the JSON data (cloudevents/spec, nats-protocol-binding).
 */
import {
  eventTypes,
  isOutcome,
  messageId,
  parseEvent,
  type EventType,
  type Names,
  type ParsedEvent,
  type Queue,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import type { MsgHdrs } from "@nats-io/nats-core";
import { compiled } from "../fast/compiled.ts";
import { makeHeaders, sizeOfHeaders } from "./headers.ts";
import {
  errorLines,
  labelLines,
  metricsLine,
  originLine,
  webhookLine,
} from "./attributes.ts";

/** What of a task's state goes into the headers of its events. */
export type TaskOfEvent = Pick<TaskState, "seq" | "traceparent" | "webhook">;

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
    task,
  }: {
    names: Pick<Names, "eventSubject">;
    /** The service that appends it: `gateway`. */
    source: string;
    now: Date;
    /** W3C Trace Context of the span that the event comes from; must be one already. */
    traceparent?: string | undefined;
    /** The task that it is an event of; a request is its own. */
    task?: TaskOfEvent | undefined;
  },
): Encoded {
  const id = messageId(event);
  // All values but the labels are words, ids, numbers and times: nothing in them needs percent-encoding.
  const lines =
    `ce-specversion: 1.0\r\nce-id: ${id}\r\nce-source: /jetscribe/${source}\r\n` +
    `ce-type: jetscribe.${event.type}.v1\r\nce-subject: ${event.data.task_id}\r\nce-time: ${now.toISOString()}\r\n` +
    `ce-dataschema: urn:jetscribe:event:${event.type}:v1\r\nce-datacontenttype: application/json\r\n` +
    (event.type === "GenerateRequested" ? labelLines(event.data) : "") +
    (event.type === "GenerateFailed" ? errorLines(event.data.error) : "") +
    ("metrics" in event.data ? metricsLine(event.data.metrics) : "") +
    originLine(event.type === "GenerateRequested" ? event.data : (task ?? {})) +
    (task !== undefined && isOutcome(event)
      ? webhookLine(event.type, task)
      : "") +
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

/** The event in a message, or why there is none. */
export const decodeEvent = ({
  subject,
  seq,
  time,
  data,
}: LogMessage): ParsedEvent =>
  parseEvent({ subject, seq, time, body: textOf(data) }, schemaOf);

type EventSchema = (typeof eventTypes)[EventType]["schema"];
const schemas: Partial<Record<EventType, EventSchema>> = {};

/** Compiled at the first event of its type. */
const schemaOf = (type: EventType): EventSchema =>
  (schemas[type] ??= compiled<EventSchema>(eventTypes[type].schema));

const textOf = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString();
