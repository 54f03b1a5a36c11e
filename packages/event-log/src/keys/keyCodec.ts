/** Between an event of an API key and its message: a CloudEvent in binary mode, as the events of tasks are. */
import {
  keyEventTypes,
  parseKeySubject,
  type KeyEvent,
  type RecordedKeyEvent,
} from "@jetscribe/schema";
import type { LogMessage } from "../codec/codec.ts";
import { parseJson } from "../codec/parseJson.ts";
import { recordHeaders } from "../codec/recordHeaders.ts";

/** `id` is the message id, too: the broker stores it once within its duplicate window. */
export const keyHeaders = (
  { type, data }: KeyEvent,
  by: { id: string; source: string; now: Date },
): string => recordHeaders({ type, subject: data.key_id, ...by });

/** Undefined: the message is no event of a key that this version knows. */
export function decodeKeyEvent({
  subject,
  data,
  seq,
  time,
}: LogMessage): RecordedKeyEvent | undefined {
  const type = parseKeySubject(subject);
  if (type === undefined) return undefined;
  const read = keyEventTypes[type].schema.safeParse(
    parseJson(Buffer.from(data).toString()),
  );
  // The schema was chosen by the type, which the compiler can't follow through the union.
  return read.success
    ? ({ type, data: read.data, seq, time } as RecordedKeyEvent)
    : undefined;
}
