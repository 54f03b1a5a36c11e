/**
 * Failed authentication is throttled by the caller's address. A call with a right key costs no look anywhere but into
 * this gateway's own list of throttled addresses, which is empty unless somebody guesses.
 */
import type { Logger } from "@jetscribe/runtime";
import type { RateLimiter } from "@jetscribe/task-store";
import { ApiError } from "../apiError.ts";
import { countedAddress, isLoopback } from "./countedAddress.ts";

export type AuthThrottle = ReturnType<typeof makeAuthThrottle>;

/** The list never has more; the oldest goes first. */
const maxThrottled = 10_000;

/** So many calls of an address without a valid key are answered 401 in a minute; after them every call of it is a 429. 0: no limit. */
export function makeAuthThrottle(
  limiter: Pick<RateLimiter, "take">,
  failuresPerMinute: number,
  log: Pick<Logger, "warn">,
) {
  /** Until when, by the address, in ms of `performance.now()`. */
  const throttled = new Map<string, number>();

  function add(address: string, seconds: number) {
    if (!throttled.has(address)) log.warn({ address }, "address throttled");
    throttled.set(address, performance.now() + seconds * 1_000);
    const [oldest] = throttled.keys();
    if (throttled.size > maxThrottled && oldest !== undefined)
      throttled.delete(oldest);
  }

  const refused = (retryAfterS: number) =>
    new ApiError(
      "rate_limited",
      "too many calls without a valid key came from this address",
      {
        limit: { name: "AUTH_FAILURES_PER_MINUTE", value: failuresPerMinute },
        retryAfterS,
      },
    );

  return {
    /** Why nothing of this caller's is looked at now, not even its key; undefined: it is. `ip` is not read where nobody is throttled. */
    refusal(caller: { readonly ip: string }): ApiError | undefined {
      if (throttled.size === 0) return undefined;
      const address = countedAddress(caller.ip);
      const until = throttled.get(address);
      if (until === undefined) return undefined;
      const seconds = Math.ceil((until - performance.now()) / 1_000);
      if (seconds > 0) return refused(seconds);
      throttled.delete(address);
      return undefined;
    },
    /** Takes note of a call without a valid key. Why it is refused otherwise than for its key; undefined: only for that. */
    async note({ ip }: { readonly ip: string }): Promise<ApiError | undefined> {
      const address = countedAddress(ip);
      if (failuresPerMinute === 0 || isLoopback(address)) return undefined;
      const use = await limiter.take(address, failuresPerMinute);
      if (use.remaining === 0) add(address, use.resetS);
      return use.allowed ? undefined : refused(use.resetS);
    },
  };
}
