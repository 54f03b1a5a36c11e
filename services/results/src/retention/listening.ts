/** For how long this instance has heard all that is announced: who was not heard before that may have spoken. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import { goneAfterMs } from "@jetscribe/schema";

export type Listening = Pick<ReturnType<typeof makeListening>, "forMs">;

const tickEveryMs = 1_000;

/** Pure but for the clock: `tick` every second, `restart` where announcements were missed. */
export function makeListening(now = elapsedMs) {
  let since = now();
  let tickedAt = since;
  function tick(): void {
    const at = now();
    if (at - tickedAt > goneAfterMs) since = at;
    tickedAt = at;
  }
  return {
    tick,
    restart: () => void (since = now()),
    /** In ms; a lost connection, and a process or machine that stood still, end it. */
    forMs: (): number => {
      tick();
      return now() - since;
    },
  };
}

export function listen(broker: Broker): Listening & Disposable {
  const { tick, restart, forMs } = makeListening();
  const timer = setInterval(tick, tickEveryMs);
  const forget = broker.onReconnect(restart);
  return {
    forMs,
    [Symbol.dispose]() {
      clearInterval(timer);
      forget();
    },
  };
}
