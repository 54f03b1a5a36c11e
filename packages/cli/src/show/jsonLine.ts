/** Events of the log as lines of JSON, with the bytes of their data as they stand in the log. */
import type { LogEvent } from "@jetscribe/event-log/read/replayLog";

/**
 * `{"seq":…,"time":…,"type":…,"model":…,"lane":…,"owner":…,"data":{…}}` and a line end. Model and owner are slugs, the
 * time is when the broker stored it, in seconds since the epoch. Undefined of a message whose body is no JSON object.
 */
export function jsonLine({
  message,
  type,
  queue,
}: LogEvent): string | undefined {
  const { data, seq, time } = message;
  const body = objectIn(
    Buffer.from(data.buffer, data.byteOffset, data.length).toString(),
  );
  if (body === undefined) return undefined;
  const { model, lane, owner } = queue;
  // The words of a subject need no escape.
  return `{"seq":${seq},"time":${time},"type":"${type}","model":"${model}","lane":"${lane}","owner":"${owner}","data":${body}}\n`;
}

/** The text, if it is an object, in one line. It is parsed, or a line could be no JSON, and then left as it is. */
function objectIn(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject =
      typeof value === "object" && value !== null && !Array.isArray(value);
    if (!isObject) return undefined;
    return text.includes("\n") ? JSON.stringify(value) : text;
  } catch {
    return undefined;
  }
}
