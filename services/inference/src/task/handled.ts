/** What a work item can come to. */
import type { Handled } from "@jetscribe/event-log/work/consume";

export const done: Handled = { kind: "done" };
export const lost: Handled = { kind: "lost" };
/** 0: to whoever asks first. */
export const retryAfter = (afterMs: number): Handled => ({
  kind: "retry",
  afterMs,
});
