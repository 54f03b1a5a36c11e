/**
 * Whether the broker stores what it is sent. With a full disk it stays connected and answers nothing: then callers are
 * told at once, and only one a second tries whether that is over. Where nobody calls, the workers notice.
 */
import type { Appender } from "@jetscribe/event-log/append/append";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";
import { unavailable } from "../apiError.ts";

export type Storing = ReturnType<typeof watchStoring>;

const tryEveryMs = 1_000;
const stuck =
  "the broker is connected, and does not answer what is to be stored: its disk may be full, or was, and then it has to be started again once there is room";

export function watchStoring(
  broker: Broker,
  workers: Pick<WorkersHeard, "all">,
  appender: Pick<Appender, "answered">,
) {
  /** The count of answers when a try was given up. A frozen broker that goes on answers later, and then it stores. */
  let failedAfter = Infinity;
  let triedAt = -Infinity;
  /** It may be another broker by now: one that tells about its streams, on a new connection, is believed to store. */
  let renewed = false;
  const forget = broker.onReconnect(() => (renewed = true));

  /** What came of a try: the broker answered, in whatever way, or not. */
  function note(answered: boolean): void {
    failedAfter = answered ? Infinity : appender.answered;
    renewed = false;
  }
  const answers = () =>
    failedAfter === Infinity || appender.answered > failedAfter;
  const isStuck = () =>
    !answers() || workers.all().some(({ unanswered }) => unanswered);
  const timer = setInterval(() => {
    if (answers() || !renewed) return;
    streamState(broker, broker.streams.events).then(
      () => renewed && note(true),
      () => undefined,
    );
  }, tryEveryMs);

  return {
    /** Throws an ApiError where this call should not even try. */
    check(): void {
      if (answers()) return;
      const now = performance.now();
      if (now - triedAt < tryEveryMs)
        throw unavailable(
          "the broker stores nothing at the moment; its disk may be full",
        );
      triedAt = now;
    },
    note,
    /** Why nothing is stored although the broker is connected; undefined: as far as is known it stores. */
    trouble: () => (broker.connected && isStuck() ? stuck : undefined),
    ok: () => !isStuck(),
    [Symbol.dispose](): void {
      clearInterval(timer);
      forget();
    },
  };
}
