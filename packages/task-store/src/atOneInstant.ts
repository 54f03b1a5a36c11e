/** Reads of all queues at one instant. */
import type { Redis } from "ioredis";
import { keys } from "./keys.ts";

/** Owners that come and go name new queues at each reading; after so many readings the caller asks again later. */
const maxReadings = 5;

/**
 * What `read` makes of the queues that it is given, and of those that it found itself in the same transaction. It reads
 * again where it found one that it wasn't given. Undefined where `read` says so, and where new queues kept coming.
 */
export async function atOneInstant<T extends { queues: readonly string[] }>(
  redis: Redis,
  read: (names: readonly string[]) => Promise<T | undefined>,
): Promise<T | undefined> {
  const names = new Set(await redis.smembers(keys.queues));
  for (let reading = 0; reading < maxReadings; reading++) {
    const found = await read([...names]);
    if (found === undefined) return undefined;
    if (found.queues.every((name) => names.has(name))) return found;
    for (const name of found.queues) names.add(name);
  }
  return undefined;
}
