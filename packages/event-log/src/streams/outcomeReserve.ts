/** Pure: the room in the log that is kept for the outcomes of unfinished tasks, so that each of them fits. */
import type { TaskState } from "@jetscribe/schema";

/** What the events of a task have at most beside its request, its text and its long parameters, in bytes. */
const frameBytes = 2_000;

/** Before an outcome was measured, in bytes. */
export const usualBytesPerToken = 8;

/** What the outcome of a task has beside its text, in bytes. */
export const besideText = ({
  params_bytes = 0,
}: Pick<TaskState, "params_bytes">): number => frameBytes + params_bytes;

/** The room for the outcomes of tasks, in bytes: `bytes` beside their texts, and so many tokens at most. */
export const outcomeReserve = ({
  tokens,
  bytes,
  bytesPerToken,
}: {
  tokens: number;
  bytes: number;
  bytesPerToken: number;
}): number => bytes + tokens * bytesPerToken;
