/** How far this machine's clock is off the broker's: task ids carry it, and the log is searched by it. Rule 8. */
import type { Broker } from "@jetscribe/event-log/connection";
import { clockOffsetMs } from "@jetscribe/event-log/streamState";
import type { Logger } from "@jetscribe/runtime";

export interface Clock extends Disposable {
  /** False only where it is known to be more than 60 s off. */
  isRight(): boolean;
}

const mostOffMs = 60_000;
const checkEveryMs = 60_000;

/** Checks now, every minute and after each reconnect. */
export async function watchClock(
  broker: Broker,
  service: string,
  log: Logger,
): Promise<Clock> {
  let right = true;

  async function check(): Promise<void> {
    try {
      const offMs = Math.round(await clockOffsetMs(broker, service));
      right = Math.abs(offMs) <= mostOffMs;
      if (!right)
        log.error({ off_ms: offMs }, "the clock is too far off the broker's");
    } catch (error) {
      // The broker is away, and with it the reason to know.
      log.debug({ err: error }, "the clock can't be compared");
    }
  }

  await check();
  const timer = setInterval(() => void check(), checkEveryMs);
  const forget = broker.onReconnect(() => void check());
  return {
    isRight: () => right,
    [Symbol.dispose]() {
      clearInterval(timer);
      forget();
    },
  };
}
