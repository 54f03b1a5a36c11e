/** When a task's time is over. */
import { cancelAtOf } from "@jetscribe/schema";
import { EngineError } from "../engine/engine.ts";
import type { TaskInHand } from "../ownership/taskInHand.ts";

const longestTimerMs = 2 ** 31 - 1;

/** The task's `cancel_after_ms` is over. */
export class DeadlineOver extends Error {
  override readonly name = "DeadlineOver";
}

/**
 * Aborts as the task's own signal does, and when the task's time is over: with a TimeoutError, or with DeadlineOver where
 * that comes first. Times are in seconds since the epoch; `startedAt`: of the task's first start, absent where there was
 * none. `waitsFor`: what the engine waits for by then.
 */
export function stopInTime(
  { state, signal }: TaskInHand,
  {
    startedAt = Infinity,
    now,
  }: { startedAt?: number | undefined; now: number },
  waitsFor: () => string | undefined = () => undefined,
) {
  const stop = new AbortController();
  const { timeout_ms } = state.task;
  const interrupt = () => stop.abort(signal.reason);
  signal.addEventListener("abort", interrupt, { once: true });
  const timedOut = () =>
    new EngineError(
      "TimeoutError",
      [`it ran for more than ${timeout_ms / 1000} s`, waitsFor()]
        .filter(Boolean)
        .join("; "),
    );
  const timeoutAt = startedAt + timeout_ms / 1_000;
  const cancelAt = cancelAtOf(state.task) ?? Infinity;
  const reason = () =>
    cancelAt <= timeoutAt ? new DeadlineOver() : timedOut();
  const leftMs = (Math.min(cancelAt, timeoutAt) - now) * 1_000;
  // After a stand-still timers come first, but what the engine said meanwhile was in time: it is read before.
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(
    () => (immediate = setImmediate(() => stop.abort(reason()))),
    Math.min(Math.max(0, leftMs), longestTimerMs),
  );
  return {
    signal: stop.signal,
    abort: () => stop.abort("ended"), // without a reason it makes an error with a stack, for every task
    [Symbol.dispose]() {
      clearTimeout(timer);
      clearImmediate(immediate);
      signal.removeEventListener("abort", interrupt);
    },
  };
}
