/** Which task an idempotency key stands for. The broker decides which of several calls with one key is the first. */
import { publishTimeoutMs } from "@jetscribe/schema";
import type { Msg } from "@nats-io/nats-core";
import { hash } from "node:crypto";
import * as z from "zod";
import type { Broker } from "../broker/connection.ts";
import { makeHeaders } from "../codec/headers.ts";
import { parseJson } from "../codec/parseJson.ts";
import { lastMessageOf } from "../broker/streamState.ts";
import { AppendError, isWrongLastSequence, readPubAck } from "./append.ts";

const KeyRecord = z.object({
  task_id: z.string(),
  /** Of the request that the key came with first: another one is another call. */
  fingerprint: z.string(),
  /** The request is in the log. Absent: it may be. */
  stored: z.literal(true).optional(),
});
export type KeyRecord = z.infer<typeof KeyRecord>;

/** An owner's (a slug) key. Only its digest leaves this process. */
export interface IdempotencyKey {
  owner: string;
  key: string;
}

const subjectOf = ({ subjects }: Broker, { owner, key }: IdempotencyKey) =>
  subjects.idempotencyKey(owner, hash("sha256", key));

/** What the key stands for; undefined: nothing. Rejects where the broker can't be asked. */
export async function readIdempotencyKey(
  broker: Broker,
  key: IdempotencyKey,
): Promise<KeyRecord | undefined> {
  const { idempotency } = broker.streams;
  const found = await lastMessageOf(
    broker,
    idempotency,
    subjectOf(broker, key),
  );
  return (
    found && KeyRecord.parse(parseJson(Buffer.from(found.data).toString()))
  );
}

/**
 * Lets the key stand for a task for 24 h. False: it stands for one already. Rejects with an AppendError; after `unknown`
 * the key may stand for the task.
 */
export async function takeIdempotencyKey(
  broker: Broker,
  key: IdempotencyKey,
  record: KeyRecord,
): Promise<boolean> {
  const headers = makeHeaders("Nats-Expected-Last-Subject-Sequence: 0\r\n");
  const [subject, body] = [subjectOf(broker, key), JSON.stringify(record)];
  const options = { headers, timeout: publishTimeoutMs };
  const asked = broker.nc.request(subject, body, options);
  const answer: Msg = await asked.catch((error: unknown) => {
    throw new AppendError("unknown", String(error));
  });
  try {
    readPubAck(answer);
    return true;
  } catch (error) {
    if (isWrongLastSequence(error)) return false;
    throw error;
  }
}

/** Notes that the request of a taken key is in the log. Nobody waits for it: without the note readers look for the task. */
export function confirmIdempotencyKey(
  broker: Broker,
  key: IdempotencyKey,
  record: KeyRecord,
): void {
  const body = JSON.stringify({ ...record, stored: true } satisfies KeyRecord);
  broker.nc.publish(subjectOf(broker, key), body);
}
