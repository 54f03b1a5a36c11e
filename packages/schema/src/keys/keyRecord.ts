import type { KeyCreated, RecordedKeyEvent } from "./events.ts";

/** A key as its events leave it. */
export interface KeyRecord extends Omit<KeyCreated, "key_id" | "by"> {
  id: string;
  /** Seconds since the epoch, as all times. */
  created_at: number;
  /** The id of the key that made it. */
  created_by: string;
  revoked_at?: number;
}

/** Folds an event into its key's record. Undefined: there is no such key. A revoked key stays as it was revoked. */
export function evolveKey(
  record: KeyRecord | undefined,
  event: RecordedKeyEvent,
): KeyRecord | undefined {
  if (event.type === "KeyCreated") {
    const { key_id: id, by: created_by, ...rest } = event.data;
    return record ?? { ...rest, id, created_by, created_at: event.time };
  }
  if (record === undefined || record.revoked_at !== undefined) return record;
  if (event.type === "KeyRevoked") return { ...record, revoked_at: event.time };
  const {
    limits: _,
    expires_at: _expires,
    webhook: _webhook,
    ...fixed
  } = record;
  const { key_id: _id, by: _by, ...settings } = event.data;
  return { ...fixed, ...settings };
}
