/** Pure: when a request may be started, and how long it may wait to be started from then on. */
import type { GenerateRequest, GenerateRequested } from "@jetscribe/schema";
import { ApiError } from "../apiError.ts";

export interface WaitLimits {
  /** The longest that a task may wait to be started, in ms. */
  startTimeoutMs: number;
  /** The longest from a task's acceptance to the end of that wait, in ms: half of EVENTS_MAX_AGE. */
  longestWaitMs: number;
}

/** A task that names no start_timeout_ms has at least so long from its not_before on. */
const shortestStartMs = 60_000;

/**
 * `now`: in seconds since the epoch. A `not_before` that is over is left out. Throws an ApiError `invalid_request` where
 * the task could not be started in time.
 */
export function scheduleOf(
  request: Pick<
    GenerateRequest,
    "not_before" | "start_timeout_ms" | "cancel_after_ms"
  >,
  { startTimeoutMs, longestWaitMs }: WaitLimits,
  now: number,
): Pick<GenerateRequested, "not_before" | "start_timeout_ms"> {
  const { not_before = now, start_timeout_ms, cancel_after_ms } = request;
  // What it may ask for is up to what the system allows.
  const granted = Math.min(start_timeout_ms ?? Infinity, startTimeoutMs);
  if (not_before <= now) return { start_timeout_ms: granted };
  const aheadMs = Math.ceil((not_before - now) * 1_000);
  const left = longestWaitMs - aheadMs;
  const wanted =
    start_timeout_ms === undefined
      ? Math.min(granted, shortestStartMs)
      : granted;
  if (left < wanted) throw tooFarAhead(longestWaitMs, wanted);
  if (cancel_after_ms !== undefined && cancel_after_ms <= aheadMs)
    throw neverStarted();
  return { not_before, start_timeout_ms: Math.min(granted, left) };
}

const tooFarAhead = (longestWaitMs: number, wanted: number) => {
  const message = `at most ${Math.max(0, longestWaitMs - wanted) / 1_000} s ahead: with ${wanted / 1_000} s to be started in, it has to be within half of EVENTS_MAX_AGE`;
  return new ApiError("invalid_request", "see: not_before", {
    fields: [{ field: "not_before", message }],
    limit: { name: "EVENTS_MAX_AGE", value: 2 * longestWaitMs },
  });
};

const neverStarted = () =>
  new ApiError("invalid_request", "see: cancel_after_ms", {
    fields: [
      {
        field: "cancel_after_ms",
        message:
          "ends before not_before: it counts from the acceptance, so the task would never be started",
      },
    ],
  });
