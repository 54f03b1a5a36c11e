/** How many calls a key may make in a minute: its own limit, or that of all keys. */
import type { RateLimiter, RateUse } from "@jetscribe/task-store";
import { ApiError } from "../apiError.ts";
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

/** The three numbers that most servers give, and that clients read, while the draft of the IETF goes on changing its form. */
export const rateHeaders = ({ limit, remaining, resetS }: RateUse) => ({
  "RateLimit-Limit": String(limit),
  "RateLimit-Remaining": String(remaining),
  "RateLimit-Reset": String(resetS),
});

/** The refusal of a call that is over the limit. */
export const rateLimited = ({ limit, resetS }: RateUse) =>
  new ApiError("rate_limited", `this key may make ${limit} calls a minute`, {
    limit: { name: "REQUESTS_PER_MINUTE", value: limit },
    retryAfterS: resetS,
  });
