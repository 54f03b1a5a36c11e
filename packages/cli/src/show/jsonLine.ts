/** Events of the log as lines of JSON, with the bytes of their data as they stand in the log. */
import type { LogEvent } from "@jetscribe/event-log/read/replayLog";
import { parseBody, textOf, withoutTexts } from "./bodyOf.ts";

/**
 * `{"seq":…,"time":…,"type":…,"model":…,"lane":…,"owner":…,"data":{…}}` and a line end. Model and owner are slugs, the
 * time is when the broker stored it, in seconds since the epoch. Undefined of a message whose body is no JSON object.
 */
export function jsonLine(
  { message, type, queue }: LogEvent,
  withText: boolean,
): string | undefined {
  const { seq, time } = message;
  const body = objectIn(textOf(message), withText);
  if (body === undefined) return undefined;
  const { model, lane, owner } = queue;
  // The words of a subject need no escape.
  return `{"seq":${seq},"time":${time},"type":"${type}","model":"${model}","lane":"${lane}","owner":"${owner}","data":${body}}\n`;
}

/** The text, if it is an object, in one line. It is parsed, or a line could be no JSON, and then left as it is. */
function objectIn(text: string, withText: boolean): string | undefined {
  const body = parseBody(text);
  if (body === undefined) return undefined;
  if (!withText) return JSON.stringify(withoutTexts(body));
  return text.includes("\n") ? JSON.stringify(body) : text;
}
