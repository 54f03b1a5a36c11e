/** Says every 2 s how far the outcomes of the log were delivered or stored: the log keeps what is behind that. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { announceProjection } from "@jetscribe/event-log/signals/signals";
import { readByWebhooks } from "@jetscribe/event-log/webhooks/consumers";
import { announceEveryMs } from "@jetscribe/schema";
import { randomUUID } from "node:crypto";
import type { Room } from "./deliver/room.ts";

export function announce(
  broker: Broker,
  room: Pick<Room, "isFull">,
): Disposable {
  const instance = randomUUID();
  async function say(): Promise<void> {
    // A broker that can't say is away, and asked again.
    const said = await Promise.all([
      readByWebhooks(broker),
      room.isFull(),
    ]).catch(() => undefined);
    if (said === undefined) return;
    const [read, isFull] = said;
    const full = `${broker.streams.webhooks} is full`;
    announceProjection(broker, {
      ...{ name: "webhooks", instance, leading: true, ...read },
      ...(isFull && { error: full }),
    });
  }
  const timer = setInterval(() => void say(), announceEveryMs);
  void say();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
