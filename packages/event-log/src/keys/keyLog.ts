/** API keys as events: how they are appended, and how all of them are followed. */
import {
  evolveKey,
  keyEventTypes,
  type KeyEvent,
  type KeyRecord,
} from "@jetscribe/schema";
import { appendRecord } from "../append/appendRecord.ts";
import type { Broker } from "../broker/connection.ts";
import { streamState } from "../broker/streamState.ts";
import type { Delivery } from "../read/pull.ts";
import { followStream, scan } from "../read/readLog.ts";
import { decodeKeyEvent, keyHeaders } from "./keyCodec.ts";

/** All keys that ever were, by their ids, as of a sequence of KEYS. */
export interface KeyRecords {
  records: ReadonlyMap<string, KeyRecord>;
  /** The last sequence that was read. */
  seq: number;
}

/**
 * Appends an event if KEYS has had nothing else since `after`; resolves with its sequence. Rejects with an AppendError:
 * `isWrongLastSequence` tells that somebody was faster. After `unknown` the event may be stored: the same call with the
 * same `id` stores it once.
 */
export async function appendKeyEvent(
  broker: Broker,
  event: KeyEvent,
  { after, id, now }: { after: number; id: string; now: Date },
): Promise<number> {
  const { data } = event;
  const { word } = keyEventTypes[event.type];
  const headers =
    keyHeaders(event, { id, source: "gateway", now }) +
    `Nats-Expected-Last-Sequence: ${after}\r\n`;
  const subject = broker.subjects.keyEvent(word, data.key_id);
  return (await appendRecord(broker, subject, { headers, data })).seq;
}

/**
 * Tells all keys, once they are read and after each change, until the signal aborts. After a lost connection all of them
 * are read anew, since a broker may come back with another past; until then what was told last holds.
 */
export async function followKeys(
  broker: Broker,
  {
    onKeys,
    onGarbage,
  }: {
    onKeys: (keys: KeyRecords) => void;
    /** A message that is no event of a key. */
    onGarbage: (seq: number) => void;
  },
  signal: AbortSignal,
): Promise<void> {
  const stream = broker.streams.keys;
  let records = new Map<string, KeyRecord>();
  let seq = 0;
  /** Of a stream whose last messages were removed the last sequence is no message's. */
  let lastSeq = 0;
  /** How many messages stand before what was there when the reading began. */
  let left = 0;

  const tell = () => {
    if (left <= 0)
      onKeys({ records: new Map(records), seq: Math.max(seq, lastSeq) });
  };
  const take = (message: Delivery) => {
    seq = message.seq;
    left--;
    if (!takeInto(records, message)) onGarbage(seq);
  };
  await followStream(
    broker,
    {
      stream,
      async resume() {
        records = new Map();
        seq = 0;
        ({ lastSeq } = await streamState(broker, stream));
        return 1;
      },
      onBegin(pending) {
        left = pending;
        tell();
      },
      onBatch(messages) {
        messages.forEach(take);
        tell();
      },
    },
    signal,
  );
}

/**
 * All keys as the events that were stored at or before a time (in seconds since the epoch) make them. Rejects where KEYS
 * can't be read, or with the signal's reason.
 */
export async function keysAt(
  broker: Broker,
  timeS: number,
  signal: AbortSignal,
): Promise<KeyRecords["records"]> {
  const stream = broker.streams.keys;
  const { leader } = await streamState(broker, stream);
  const records = new Map<string, KeyRecord>();
  await scan(
    broker,
    { stream, from: { seq: 1 }, node: leader?.node },
    (message) => {
      if (message.time > timeS) return true;
      takeInto(records, message);
      return false;
    },
    signal,
  );
  return records;
}

/** False: the message is no event of a key. */
function takeInto(records: Map<string, KeyRecord>, message: Delivery): boolean {
  const event = decodeKeyEvent(message);
  if (event === undefined) return false;
  const id = event.data.key_id;
  const record = evolveKey(records.get(id), event);
  if (record !== undefined) records.set(id, record);
  return true;
}
