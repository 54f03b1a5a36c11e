/** Works off a durable consumer: so many messages in hand at most, each acknowledged as its handler says. */
import type { Broker } from "../broker/connection.ts";
import { makePuller, type Delivery, type PullEnd } from "../read/pull.ts";
import { acknowledgement, type Handled } from "../work/handled.ts";
import { setTimeout as sleep } from "node:timers/promises";

export interface Work {
  stream: string;
  consumer: string;
  mostInHand: number;
  /** What is in hand for longer is said to be, so often: below the consumer's ack_wait, or it would be delivered twice. */
  renewEveryMs: number;
  /** Called at the start, and whenever the consumer or the connection was lost: makes the consumer where it is missing. */
  ensure: () => Promise<void>;
  /** Must not reject. A value that is no promise is acknowledged at once. */
  handle: (message: Delivery) => Handled | Promise<Handled>;
  onInterruption: (error: unknown) => void;
}

const restMs = 1_000;
const pullExpiresMs = 5_000;

/** Until the signal aborts; then it resolves, once nothing is in hand. */
export async function workOff(
  broker: Broker,
  work: Work,
  signal: AbortSignal,
): Promise<void> {
  const { stream, consumer, mostInHand, renewEveryMs } = work;
  const { ensure, handle, onInterruption } = work;
  using puller = makePuller(broker);
  let inHand = 0;
  let changed = Promise.withResolvers<void>();

  function settle(reply: string, handled: Handled): void {
    if (handled.kind === "lost" || !broker.connected) return;
    broker.nc.publish(reply, acknowledgement(handled));
  }
  async function take(message: Delivery): Promise<void> {
    const handling = handle(message);
    if (!(handling instanceof Promise)) return settle(message.reply, handling);
    inHand++;
    const renewing = setInterval(() => {
      if (broker.connected) broker.nc.publish(message.reply, "+WPI");
    }, renewEveryMs);
    const handled = await handling;
    clearInterval(renewing);
    settle(message.reply, handled);
    inHand--;
    changed.resolve();
  }
  async function hasRoom(room: () => boolean): Promise<void> {
    while (!room()) {
      changed = Promise.withResolvers<void>();
      await changed.promise;
    }
  }
  const pull = (batch: number) => {
    const { promise, resolve } = Promise.withResolvers<PullEnd>();
    puller.pull(
      { stream, consumer, batch, expiresMs: pullExpiresMs },
      { onDelivery: (message) => void take(message), onEnd: resolve },
    );
    return promise;
  };
  async function follow(): Promise<void> {
    await broker.whenConnected(signal);
    await ensure();
    while (!signal.aborted) {
      // Half of it, so that a pull is worth its question.
      await hasRoom(() => inHand <= mostInHand / 2 || signal.aborted);
      if (signal.aborted) return;
      const end = await pull(mostInHand - inHand);
      if (end === "gone" || (end === "lost" && !signal.aborted))
        throw new Error(`${consumer} of ${stream} was interrupted: ${end}`);
    }
  }

  const stop = () => {
    changed.resolve();
    void puller.drain();
  };
  signal.addEventListener("abort", stop, { once: true });
  while (!signal.aborted) {
    await follow().catch(async (error: unknown) => {
      if (signal.aborted) return;
      // That the connection is lost is said elsewhere.
      if (broker.connected) onInterruption(error);
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
    });
  }
  await hasRoom(() => inHand === 0);
}
