/** One header of a message out of the headers' text: the client decodes all of them, which takes 5 µs. */
import type { Msg } from "@nats-io/nats-core";

/** Bytes of subject, reply, headers and body; the client knows them, and no public part of it tells. */
export const sizeOf = (msg: Msg): number =>
  (msg as unknown as { size(): number }).size();

/**
 * The value of a header, which is named as it was written; "" where there is none. Headers stand right before the body,
 * and `bytes` is how many both have.
 */
export function headerIn(
  { buffer, byteOffset, length }: Uint8Array,
  bytes: number,
  name: string,
): string {
  const size = bytes - length;
  const text = Buffer.from(buffer, byteOffset - size, size).toString("latin1");
  const line = `\r\n${name}:`;
  const at = text.indexOf(line);
  if (at < 0) return "";
  return text.slice(at + line.length, text.indexOf("\r\n", at + 1)).trim();
}
