/**
 * Whether the broker stores what it is sent. With a full disk it stays connected and answers nothing: then callers are
 * told at once, and only one a second tries whether that is over.
 */
import type { Broker } from "@jetscribe/event-log/connection";
import { streamState } from "@jetscribe/event-log/streamState";
import { streams } from "@jetscribe/schema";
import { unavailable } from "./apiError.ts";

export interface Storing extends Disposable {
  /** Throws an ApiError where this call should not even try. */
  check: () => void;
  /** What came of a try: the broker answered, in whatever way, or not. */
  note: (answered: boolean) => void;
  ok: () => boolean;
}

const tryEveryMs = 1_000;

export function watchStoring(broker: Broker): Storing {
  let ok = true;
  let triedAt = -Infinity;
  /** It may be another broker by now: one that tells about its streams, on a new connection, is believed to store. */
  let renewed = false;
  const forget = broker.onReconnect(() => (renewed = true));

  function note(answered: boolean): void {
    ok = answered;
    renewed = false;
  }
  async function ask(): Promise<void> {
    await streamState(broker, streams.events);
    if (renewed) note(true);
  }
  const timer = setInterval(() => {
    if (!ok && renewed) ask().catch(() => undefined);
  }, tryEveryMs);

  return {
    check() {
      if (ok) return;
      const now = performance.now();
      if (now - triedAt < tryEveryMs)
        throw unavailable(
          "the broker stores nothing at the moment; its disk may be full",
        );
      triedAt = now;
    },
    note,
    ok: () => ok,
    [Symbol.dispose]() {
      clearInterval(timer);
      forget();
    },
  };
}
