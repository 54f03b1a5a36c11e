/**
 * Events of the log as CSV (RFC 4180): a row for each, with the columns that all types share. Later versions may add
 * columns behind the last one, and move none.
 */
import type { LogEvent } from "@jetscribe/event-log/read/replayLog";
import { isObject, parseBody, textOf, type Body } from "./bodyOf.ts";

const columns = [
  ...["seq", "time", "type", "model", "lane", "owner", "task_id"],
  ...["user_id", "metadata", "attempt", "worker_id", "finish_reason"],
  ...["reason", "error_type", "error_message", "queue_wait_time"],
  ...["processing_time", "total_time", "prompt_tokens"],
  ...["completion_tokens", "prompt", "result"],
  ...["not_before", "group", "retry_of"],
];

const lineEnd = "\r\n";

export const csvHead = columns.join(",") + lineEnd;

/**
 * The row of an event, with its line end. Undefined of a message whose body is no JSON object. `withText`: of an event
 * that has any; the columns stay.
 */
export function csvLine(
  { message, type, queue }: LogEvent,
  withText: boolean,
): string | undefined {
  const body = parseBody(textOf(message));
  if (body === undefined) return undefined;
  const error = objectIn(body["error"]);
  const metrics = objectIn(body["metrics"]);
  const cells = [
    ...[message.seq, isoOf(message.time), type],
    ...[queue.model, queue.lane, queue.owner, body["task_id"]],
    ...[body["user_id"], body["metadata"], body["attempt"], body["worker_id"]],
    ...[body["finish_reason"], body["reason"], error["type"]],
    ...[
      error["message"],
      metrics["queue_wait_time"] ?? body["queue_wait_time"],
    ],
    ...[metrics["processing_time"], metrics["total_time"]],
    ...[metrics["prompt_tokens"], metrics["completion_tokens"]],
    ...(withText
      ? [
          body["prompt"] ?? body["messages"],
          body["result"] ?? body["partial_text"],
        ]
      : ["", ""]),
    ...[isoOf(body["not_before"]), body["group"], body["retry_of"]],
  ];
  return cells.map(cellOf).join(",") + lineEnd;
}

/** The last second that a Date can hold (ECMA-262, 21.4.1.1). */
const lastSecond = 8.64e12;

/** A moment in seconds since 1970, as ISO 8601 in UTC. */
const isoOf = (seconds: unknown): string =>
  typeof seconds === "number" && Math.abs(seconds) <= lastSecond
    ? new Date(seconds * 1_000).toISOString()
    : "";

const objectIn = (value: unknown): Body => (isObject(value) ? value : {});

/** What is absent is empty, and an object is JSON. */
function cellOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "number") return String(value);
  return textCell(typeof value === "string" ? value : JSON.stringify(value));
}

/**
 * A spreadsheet takes what begins so, behind spaces too, for a formula: = + - @ and their wide forms, and it may act on a
 * control character. An apostrophe before it makes it a text. A text that begins with one gets a second, so that readers
 * who take one away have all texts as they were.
 */
const isHarmful = /^(?:[\p{Cc}']|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/u;

function textCell(text: string): string {
  const harmless = isHarmful.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless)
    ? `"${harmless.replaceAll('"', '""')}"`
    : harmless;
}
