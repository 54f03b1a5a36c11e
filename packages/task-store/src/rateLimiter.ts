/**
 * Counts calls in windows of time, in Redis, so that all gateways share a count. While Redis is away each process counts
 * for itself, from nothing.
 */
import {
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from "rate-limiter-flexible";
import { useTo, type Store } from "./connection.ts";
import { keys, type Counted } from "./keys.ts";

/** Where a caller stands in its window, after a call was counted. */
export interface RateUse {
  /** False: the limit was reached before this call. */
  allowed: boolean;
  limit: number;
  /** Calls that the window still has. */
  remaining: number;
  /** Whole seconds, 1 at least, until the window ends and a whole new limit begins. */
  resetS: number;
}

export type RateLimiter = ReturnType<typeof makeRateLimiter>;

/** A window begins with the first call that is counted, and lasts `windowS` seconds. */
export function makeRateLimiter(
  { redis }: Pick<Store, "redis">,
  counted: Counted,
  windowS = 60,
) {
  useTo("read", redis);
  const byLimit = new Map<number, RateLimiterRedis>();

  function make(points: number): RateLimiterRedis {
    const counts = {
      keyPrefix: keys.rate(counted),
      points,
      duration: windowS,
    };
    const limiter = new RateLimiterRedis({
      ...counts,
      storeClient: redis,
      rejectIfRedisNotReady: true,
      // Whoever has reached the limit costs no call to Redis until the window ends.
      inMemoryBlockOnConsumed: points,
      insuranceLimiter: new RateLimiterMemory(counts),
    });
    byLimit.set(points, limiter);
    return limiter;
  }

  return {
    /** Where `id` stands, without a call. Never rejects because Redis is away. */
    async look(id: string, limit: number): Promise<RateUse> {
      const limiter = byLimit.get(limit) ?? make(limit);
      const window = await limiter.get(id);
      const whole = { remainingPoints: limit, msBeforeNext: windowS * 1_000 };
      const { remainingPoints, msBeforeNext } = window ?? whole;
      const use = {
        remainingPoints: Math.max(0, remainingPoints),
        msBeforeNext,
      };
      return useOf(use, { limit, allowed: remainingPoints > 0 });
    },
    /** Counts one call of `id`, which may have `limit` of them in a window. Never rejects because Redis is away. */
    async take(id: string, limit: number): Promise<RateUse> {
      const limiter = byLimit.get(limit) ?? make(limit);
      try {
        return useOf(await limiter.consume(id), { limit, allowed: true });
      } catch (refused) {
        if (!(refused instanceof RateLimiterRes)) throw refused;
        return useOf(refused, { limit, allowed: false });
      }
    },
  };
}

const useOf = (
  {
    remainingPoints,
    msBeforeNext,
  }: Pick<RateLimiterRes, "remainingPoints" | "msBeforeNext">,
  { limit, allowed }: { limit: number; allowed: boolean },
): RateUse => ({
  allowed,
  limit,
  remaining: remainingPoints,
  resetS: Math.max(1, Math.ceil(msBeforeNext / 1_000)),
});
