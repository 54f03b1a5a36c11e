/** The headers of a message: how they are made, and how they are read. */
import {
  headers as emptyHeaders,
  type Msg,
  type MsgHdrs,
} from "@nats-io/nats-core";
import { fastPaths } from "../fast/fastPaths.ts";
import { rawHeaderBytes, rawHeadersOf } from "../fast/rawHeaders.ts";
import { writtenHeaders } from "../fast/writtenHeaders.ts";

/** `lines`: each is `name: value` with a line end behind it; ASCII. */
function setHeaders(lines: string): MsgHdrs {
  const headers = emptyHeaders();
  for (const [, name = "", value = ""] of lines.matchAll(/(.*?): (.*)\r\n/g))
    headers.set(name, value);
  return headers;
}

/** Undefined: the message has none, or they are malformed, on which the client throws. */
function decoded(msg: Msg): MsgHdrs | undefined {
  try {
    return msg.headers;
  } catch {
    return undefined;
  }
}

/** Gives the value of a header, which is named as it was written; "" where there is none. */
const decodedHeadersOf =
  (msg: Msg) =>
  (name: string): string =>
    decoded(msg)?.get(name) ?? "";

/** Bytes of a message's headers; 0 where it has none. */
function decodedHeaderBytes(msg: Msg): number {
  const headers = decoded(msg);
  return headers === undefined ? 0 : storedHeaderBytes(headers);
}

/** Bytes that headers take in a message. */
export function storedHeaderBytes(headers: MsgHdrs): number {
  const lines = headers
    .keys()
    .flatMap((name) =>
      headers.values(name).map((value) => `${name}: ${value}\r\n`),
    );
  return sizeOfHeaders(lines.join(""));
}

export const makeHeaders = fastPaths ? writtenHeaders : setHeaders;
export const headersOf = fastPaths ? rawHeadersOf : decodedHeadersOf;
export const headerBytes = fastPaths ? rawHeaderBytes : decodedHeaderBytes;

/** How many bytes headers of these lines take in a message: before them stands `NATS/1.0`, and an empty line behind them. */
export const sizeOfHeaders = (lines: string): number => lines.length + 12;
