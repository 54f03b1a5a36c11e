/** How full the streams are, for pages that show it: asked of the broker every 10 s at most, by all pages together. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import type { StreamRoom } from "@jetscribe/schema";

const askEveryMs = 10_000;

export type StreamRooms = ReturnType<typeof makeStreamRooms>;

/** Resolves with what is known, without a stream that the broker tells nothing of. */
export function makeStreamRooms(broker: Broker) {
  let known: Promise<StreamRoom[]> | undefined;
  let askedAt = -Infinity;
  return (): Promise<StreamRoom[]> => {
    if (known !== undefined && performance.now() - askedAt < askEveryMs)
      return known;
    askedAt = performance.now();
    return (known = readRooms(broker));
  };
}

async function readRooms(broker: Broker): Promise<StreamRoom[]> {
  const rooms = Object.values(broker.streams).map(async (name) => {
    const { bytes, maxBytes, refuses } = await streamState(broker, name);
    return { name, bytes, max_bytes: maxBytes, refuses };
  });
  const settled = await Promise.allSettled(rooms);
  return settled.flatMap((one) =>
    one.status === "fulfilled" ? [one.value] : [],
  );
}
