import type { Broker } from "@jetscribe/event-log/connection";
import { announceProjection } from "@jetscribe/event-log/signals";
import { announceEveryMs } from "@jetscribe/schema";
import { randomUUID } from "node:crypto";
import type { Role } from "./projection.ts";

/** Says now and every 2 s how far the projection is. */
export function announce(broker: Broker, role: () => Role): Disposable {
  const instance = randomUUID();
  const say = () => {
    const { leading, seq, caughtUp, error } = role();
    announceProjection(broker, {
      ...{ name: "results", instance },
      ...{ leading, seq, caught_up: caughtUp },
      ...(error !== undefined && { error }),
    });
  };
  say();
  const timer = setInterval(say, announceEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
