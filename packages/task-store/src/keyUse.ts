/** When API keys were used last. Nothing else has it: where Redis is emptied it is lost. */
import type { Store } from "./connection.ts";
import { keys } from "./keys.ts";

/** `used`: seconds since the epoch by the keys' ids. Rejects where Redis is down. */
export async function writeKeyUse(
  { redis }: Pick<Store, "redis">,
  used: ReadonlyMap<string, number>,
): Promise<void> {
  if (used.size > 0) await redis.hset(keys.keyUse, new Map(used));
}

/** The same, of all keys. Rejects where Redis is down. */
export async function readKeyUse({
  redis,
}: Pick<Store, "redis">): Promise<Map<string, number>> {
  const all = await redis.hgetall(keys.keyUse);
  return new Map(Object.entries(all).map(([id, at]) => [id, Number(at)]));
}
