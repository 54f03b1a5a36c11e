/** The headers of a message: how they are made, and how they are read. */
import {
  headers as emptyHeaders,
  type Msg,
  type MsgHdrs,
} from "@nats-io/nats-core";
import { fastPaths } from "../fast/fastPaths.ts";
import { rawHeaderBytes, rawHeaderOf } from "../fast/rawHeaders.ts";
import { writtenHeaders } from "../fast/writtenHeaders.ts";

/** Names and values in their order: ASCII without line ends. */
export type HeaderValues = Readonly<Record<string, string>>;

function setHeaders(values: HeaderValues): MsgHdrs {
  const headers = emptyHeaders();
  for (const [name, value] of Object.entries(values)) headers.set(name, value);
  return headers;
}

/** The value of a header, which is named as it was written; "" where there is none. */
const decodedHeaderOf = ({ headers }: Msg, name: string): string =>
  headers?.get(name) ?? "";

/** Bytes of a message's headers; 0 where it has none. */
function decodedHeaderBytes({ headers }: Msg): number {
  if (headers === undefined) return 0;
  const lines = headers
    .keys()
    .flatMap((name) =>
      headers.values(name).map((value) => [name, value] as const),
    );
  return bytesOf(lines);
}

export const makeHeaders = fastPaths ? writtenHeaders : setHeaders;
export const headerOf = fastPaths ? rawHeaderOf : decodedHeaderOf;
export const headerBytes = fastPaths ? rawHeaderBytes : decodedHeaderBytes;

/** How many bytes the headers take in a message. */
export const sizeOfHeaders = (values: HeaderValues): number =>
  bytesOf(Object.entries(values));

/** Each line is `name: value` and a line end; before them stands `NATS/1.0`, and an empty line behind them. */
const bytesOf = (lines: readonly (readonly [string, string])[]): number =>
  lines.reduce(
    (sum, [name, value]) => sum + name.length + value.length + 4,
    12,
  );
