import type { Delivery } from "@jetscribe/event-log/read/pull";
import type { Checkpoint, Milestone } from "@jetscribe/task-store";

/** In a full log there are so many. */
const milestonesInAll = 256;

/** Pure: the bytes of all messages up to the end of the batch, and the milestones that it passes. */
export function measure(
  before: Pick<Checkpoint, "seq" | "bytes"> | undefined,
  messages: readonly Pick<Delivery, "seq" | "storedBytes">[],
  /** Of the log, in bytes. */
  limit: number,
): { bytes: number; milestones: Milestone[] } {
  const every = limit / milestonesInAll;
  const passed = (upTo: number) => Math.floor(upTo / every);
  let { seq, bytes } = before ?? { seq: 0, bytes: 0 };
  const milestones = bytes === 0 ? [{ seq, bytes }] : [];
  for (const message of messages) {
    const was = bytes;
    ({ seq } = message);
    bytes += message.storedBytes;
    if (passed(bytes) > passed(was)) milestones.push({ seq, bytes });
  }
  return { bytes, milestones };
}
