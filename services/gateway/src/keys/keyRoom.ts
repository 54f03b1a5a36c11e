/** Pure: the room in KEYS. A part of it is kept for the revocation of each key that works, so that none is refused. */
import type { StreamState } from "@jetscribe/event-log/broker/streamState";
import type { KeyEvent, KeyRecord } from "@jetscribe/schema";

/** What an event takes beside its data: subject, headers and the broker's own. */
const frameBytes = 1_000;
/** An event that revokes a key, whole: its data is two ids. */
const revocationBytes = 1_200;

const sizeOf = ({ data }: KeyEvent): number =>
  frameBytes + Buffer.byteLength(JSON.stringify(data));

/** Whether the event leaves room for the revocations of all keys, its own too. A revocation may take what is kept. */
export function leavesRoom(
  event: KeyEvent,
  records: ReadonlyMap<string, KeyRecord>,
  { bytes, maxBytes }: Pick<StreamState, "bytes" | "maxBytes">,
): boolean {
  const isUnlimited = maxBytes < 0;
  if (isUnlimited || event.type === "KeyRevoked") return true;
  let working = event.type === "KeyCreated" ? 1 : 0;
  for (const { revoked_at } of records.values())
    if (revoked_at === undefined) working++;
  return bytes + sizeOf(event) + working * revocationBytes <= maxBytes;
}
