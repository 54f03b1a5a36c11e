/** How many calls a key may make in a minute: its own limit, or that of all keys. */
import type { RateLimiter, RateUse } from "@jetscribe/task-store";
import type { ApiKey } from "../keys/apiKeys.ts";

export type RequestRates = ReturnType<typeof makeRequestRates>;

/** `perMinute`: of keys without a limit of their own; undefined: these have none, and cost nothing. */
export function makeRequestRates(
  limiter: RateLimiter,
  perMinute: number | undefined,
) {
  const limitOf = ({ limits }: ApiKey) =>
    limits?.requests_per_minute ?? perMinute;
  return {
    /** Counts a call; undefined: the key has no limit. */
    take(key: ApiKey): Promise<RateUse> | undefined {
      const limit = limitOf(key);
      return limit === undefined ? undefined : limiter.take(key.owner, limit);
    },
    /** Where a key stands, without a call; undefined: the key has no limit. */
    look(key: ApiKey): Promise<RateUse> | undefined {
      const limit = limitOf(key);
      return limit === undefined ? undefined : limiter.look(key.owner, limit);
    },
  };
}
