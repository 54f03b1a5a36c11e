/** The size of the log, and the room in it that is kept for outcomes: decision 0016. */
import type { TaskState } from "@jetscribe/schema";

/** The stream's `max_bytes` for a limit, both in bytes. */
export const maxBytesOf = (limit: number): number =>
  limit + Math.ceil(limit / 4);

/** The limit that a stream's `max_bytes` stands for, both in bytes. */
export const limitOf = (maxBytes: number): number =>
  Math.floor((maxBytes * 4) / 5);

/** What the stream takes beyond a limit, in bytes. */
export const headroomOf = (limit: number): number => maxBytesOf(limit) - limit;

/** What the events of a task have at most beside its request, its text and its long parameters, in bytes. */
const frameBytes = 2_000;

/** Before an outcome was measured, in bytes. */
export const usualBytesPerToken = 8;

/** What the outcome of a task has beside its text, in bytes. */
export const besideText = ({
  params_bytes = 0,
}: Pick<TaskState, "params_bytes">): number => frameBytes + params_bytes;

/** The room that is kept for the outcomes of unfinished tasks, in bytes: `bytes` beside their texts, and so many tokens at most. */
export const outcomeReserve = ({
  tokens,
  bytes,
  bytesPerToken,
}: {
  tokens: number;
  bytes: number;
  bytesPerToken: number;
}): number => bytes + tokens * bytesPerToken;
