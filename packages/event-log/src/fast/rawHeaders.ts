/**
 * One header of a message out of the headers' bytes. The client decodes all headers of a message to tell one.
 *
 * Gain, CPU per task: results 38 %, inference 20 %.
 * Depends on: the client's `size()` of a message, which is not in its public type; and that a message's body is a part of
 * the buffer in which its headers stand right before it.
 */
import type { Msg } from "@nats-io/nats-core";

/** Bytes of a message's headers, their first line and the empty one at their end included. */
export function rawHeaderBytes(msg: Msg): number {
  const size = (msg as unknown as { size(): number }).size();
  return size - msg.subject.length - (msg.reply ?? "").length - msg.data.length;
}

/** The value of a header, which is named as it was written; "" where there is none. */
export function rawHeaderOf(msg: Msg, name: string): string {
  const { buffer, byteOffset } = msg.data;
  const size = rawHeaderBytes(msg);
  const text = Buffer.from(buffer, byteOffset - size, size).toString("latin1");
  const line = `\r\n${name}:`;
  const at = text.indexOf(line);
  if (at < 0) return "";
  return text.slice(at + line.length, text.indexOf("\r\n", at + 1)).trim();
}
