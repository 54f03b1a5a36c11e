/** How long a server that can't be reached is left alone before it is dialled again. */
import type { Server } from "@nats-io/nats-core";

/** In ms; a dial may come up to half as much later, so that not all clients dial at once. */
export const tryAgainMs = 200;
const jitterMs = 100;

/**
 * The pause before a server is dialled again. The library counts it by the wall clock: were that set back by an hour
 * meanwhile, the pause would last for an hour. So it is shorter by what the clock was set back since a dial.
 */
export function makePause() {
  /** By server: how far the wall clock was ahead of the monotonic one at its last dial. */
  const aheadAtDial = new Map<string, number>();
  const aheadMs = () => Date.now() - performance.now();
  let dialledAt = -Infinity;
  return {
    reconnectDelayHandler(): number {
      const pauseMs = tryAgainMs + Math.random() * jitterMs;
      // A pause below zero is for a dial that is due: for another one it would be no pause at all.
      if (performance.now() - dialledAt < pauseMs) return pauseMs;
      const now = aheadMs();
      const setBackMs = [...aheadAtDial.values()].map((ahead) => ahead - now);
      return pauseMs - Math.max(0, ...setBackMs);
    },
    /** Told of each dial, the next server first. */
    reconnectToServer(servers: readonly Server[]): null {
      const listed = new Set(servers.map(({ listen }) => listen));
      for (const server of aheadAtDial.keys())
        if (!listed.has(server)) aheadAtDial.delete(server);
      const [next] = servers;
      if (next) aheadAtDial.set(next.listen, aheadMs());
      dialledAt = performance.now();
      return null; // It dials the next one.
    },
  };
}
