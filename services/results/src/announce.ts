import type { Broker } from "@jetscribe/event-log/broker/connection";
import { announceProjection } from "@jetscribe/event-log/signals/signals";
import { announceEveryMs, type DiskRoom } from "@jetscribe/schema";
import { randomUUID } from "node:crypto";
import type { Role } from "./projection/projection.ts";
import type { LogTrim } from "./retention/trimLog.ts";

const earlyMs = 50;

/** Says now and every 2 s how far the projection is, what is unfinished, what holds the log, and how full the disk is. */
export function announce(
  broker: Broker,
  role: () => Role,
  { held }: Pick<LogTrim, "held">,
  disk: () => DiskRoom | undefined,
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
      disk: disk(),
      ...(open && caughtUp && { open }),
      ...(holding && {
        log_held: {
          by: holding.by,
          share: holding.share,
          model: holding.queue?.model,
          owner: holding.queue?.owner,
        },
      }),
    });
  };
  say();
  const timer = setInterval(say, announceEveryMs);
  // A start waits for the first word of who leads, which is known within moments.
  const until = performance.now() + announceEveryMs;
  const early = setInterval(() => {
    const isOver = performance.now() > until;
    if (isOver || role().leading) clearInterval(early);
    if (!isOver && role().leading) say();
  }, earlyMs);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      clearInterval(early);
    },
  };
}

/** Says why this instance ends, for /health. */
export const announceTrouble = (broker: Broker, error: string): boolean =>
  announceProjection(broker, {
    name: "results",
    instance: randomUUID(),
    leading: true,
    seq: 0,
    caught_up: false,
    error,
  });
