import type { Broker } from "@jetscribe/event-log/broker/connection";
import { announceProjection } from "@jetscribe/event-log/signals/signals";
import { announceEveryMs } from "@jetscribe/schema";
import { randomUUID } from "node:crypto";
import type { Role } from "./projection/projection.ts";
import type { LogHeld, LogTrim } from "./retention/trimLog.ts";

const earlyMs = 50;

/** Says now and every 2 s how far the projection is, what is unfinished, and what holds the log. */
export function announce(
  broker: Broker,
  role: () => Role,
  { held }: Pick<LogTrim, "held">,
): Disposable {
  const instance = randomUUID();
  const say = () => {
    const { leading, seq, caughtUp, error, open } = role();
    const holding = held();
    announceProjection(broker, {
      name: "results",
      instance,
      leading,
      seq,
      caught_up: caughtUp,
      error,
      ...(open && caughtUp && { open }),
      ...(holding && { log_held: logHeldOf(holding) }),
    });
  };
  say();
  const timer = setInterval(say, announceEveryMs);
  // A start waits for the first word of who leads, which is known within moments.
  const early = setInterval(() => {
    if (!role().leading) return;
    clearInterval(early);
    say();
  }, earlyMs);
  const over = setTimeout(() => clearInterval(early), announceEveryMs);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      clearInterval(early);
      clearTimeout(over);
    },
  };
}

/** Says why this instance ends, for /health. */
export const announceTrouble = (broker: Broker, error: string): void =>
  announceProjection(broker, {
    name: "results",
    instance: randomUUID(),
    leading: true,
    seq: 0,
    caught_up: false,
    error,
  });

const logHeldOf = ({ by, share, queue }: LogHeld) => ({
  by,
  share,
  model: queue?.model,
  owner: queue?.owner,
});
