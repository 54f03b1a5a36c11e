/** Who read the texts of tasks: how a record is appended to AUDIT, and how the records are read. Decision 0047. */
import { TextRead, taskIdTime, type RecordedTextRead } from "@jetscribe/schema";
import { randomUUID } from "node:crypto";
import { appendRecord } from "../append/appendRecord.ts";
import type { Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import { lastMessageOf, streamState } from "../broker/streamState.ts";
import type { LogMessage } from "../codec/codec.ts";
import { parseJson } from "../codec/parseJson.ts";
import { recordHeaders } from "../codec/recordHeaders.ts";
import { scan, type From } from "../read/readLog.ts";

/**
 * Resolves once AUDIT has the record. What a key reads of a task again, through the same surface and within the broker's
 * duplicate window of two minutes, is one record. Rejects with an AppendError; after `unknown` it may be stored.
 */
export async function appendTextRead(
  broker: Broker,
  read: TextRead,
  { source, now }: { source: string; now: Date },
): Promise<void> {
  const { task_id, key_id, surface, parts } = read;
  const headers = recordHeaders({
    ...{ type: "TextRead", subject: task_id, id: randomUUID(), source, now },
    messageId: [task_id, key_id, surface, ...parts].join("."),
  });
  const subject = broker.subjects.textRead(task_id);
  await appendRecord(broker, subject, { headers, data: read });
}

/** A page shows so many at most. */
const mostOfTask = 100;

/**
 * The newest 100 records of a task, oldest first. It reads all that the task has: how long that may take, the signal says.
 * Rejects where AUDIT can't be read, or with the signal's reason.
 */
export async function textReadsOf(
  broker: Broker,
  taskId: string,
  signal: AbortSignal,
): Promise<RecordedTextRead[]> {
  if (taskIdTime(taskId) === undefined) return [];
  const { audit } = broker.streams;
  // Of most tasks there is none, which is one question. A reader of the stream takes several.
  const subject = broker.subjects.textRead(taskId);
  const last = await orAborted(lastMessageOf(broker, audit, subject), signal);
  if (last === undefined) return [];
  const reads: RecordedTextRead[] = [];
  const take = (read: RecordedTextRead) => {
    reads.push(read);
    if (reads.length > mostOfTask) reads.shift();
    return false;
  };
  await scanTextReads(broker, { taskId, onRead: take }, signal);
  return reads;
}

export interface AuditReading {
  /** Only those of this task. */
  taskId?: string | undefined;
  /** By default the first one. */
  from?: From;
  /** True: no more are wanted. */
  onRead: (read: RecordedTextRead) => boolean;
  /** A message that is no record of this version. */
  onGarbage?: (seq: number) => void;
}

/** Tells the records that AUDIT has now, oldest first. Rejects where it can't be read, or with the signal's reason. */
export async function scanTextReads(
  broker: Broker,
  { taskId, from = { seq: 1 }, onRead, onGarbage }: AuditReading,
  signal: AbortSignal,
): Promise<void> {
  const stream = broker.streams.audit;
  const { leader } = await orAborted(streamState(broker, stream), signal);
  await scan(
    broker,
    {
      ...{ stream, from, node: leader?.node },
      ...(taskId !== undefined && { filter: broker.subjects.textRead(taskId) }),
    },
    (message) => {
      const read = decodeTextRead(message);
      if (read !== undefined) return onRead(read);
      onGarbage?.(message.seq);
      return false;
    },
    signal,
  );
}

function decodeTextRead(message: LogMessage): RecordedTextRead | undefined {
  const { seq, time } = message;
  const { data } = TextRead.safeParse(
    parseJson(Buffer.from(message.data).toString()),
  );
  return data && { seq, time, ...data };
}
