/**
 * Headers of a message out of their bytes. The client decodes all headers of a message to tell one.
 *
 * Gain, CPU per task: results 38 %, inference 20 %.
 * Depends on: the client's `_msg.hdr` and `_rdata` of a message, how many bytes its headers have and those bytes with the
 * body behind them. The client's version is pinned exactly.
 */
import type { Msg } from "@nats-io/nats-core";

interface RawMsg {
  /** `hdr` is -1 where there are no headers. */
  _msg: { hdr: number };
  _rdata: Uint8Array;
}
const rawOf = (msg: Msg) => msg as unknown as RawMsg;

/** Bytes of a message's headers, their first line and the empty one at their end included. */
export const rawHeaderBytes = (msg: Msg): number =>
  Math.max(0, rawOf(msg)._msg.hdr);

/** These bytes, not copied. */
export function rawHeaders(msg: Msg): Buffer {
  const { buffer, byteOffset } = rawOf(msg)._rdata;
  return Buffer.from(buffer, byteOffset, rawHeaderBytes(msg));
}

/**
 * Reads the headers of a message, which are named as they were written; "" where there is none. The first look makes a
 * text of all of them, in which a name is found, or missed, several times as fast as in bytes.
 */
export function rawHeadersOf(msg: Msg): (name: string) => string {
  let bytes: Buffer | undefined;
  let text = "";
  return (name) => {
    if (bytes === undefined) {
      bytes = rawHeaders(msg);
      text = bytes.toString("latin1");
    }
    const line = `\r\n${name}:`;
    const at = text.indexOf(line);
    if (at < 0) return "";
    const from = at + line.length;
    // Out of the bytes: a part of the text would keep all of it.
    return bytes.toString("latin1", from, text.indexOf("\r\n", from)).trim();
  };
}
