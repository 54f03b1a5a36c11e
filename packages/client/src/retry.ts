/** When a call that failed in passing is made again. */

const firstMs = 250;
const longestMs = 10_000;

/**
 * How long to wait after the attempt of this number (from 0), in ms: `afterMs`, and then between half of a limit that
 * doubles and the whole of it ("equal jitter"). The random half keeps many clients from coming back together, and the fixed
 * half makes it certain how long a server may be away.
 */
export const delayOf = (
  attempt: number,
  afterMs: number,
  random = Math.random(),
): number => {
  const limitMs = Math.min(longestMs, firstMs * 2 ** attempt);
  return afterMs + (limitMs / 2) * (1 + random);
};

/** Resolves when the delay is over; rejects with the signal's reason. */
export function pause(
  attempt: number,
  afterMs: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = () => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    };
    const timer = setTimeout(over, delayOf(attempt, afterMs));
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    if (signal?.aborted) aborted();
    else signal?.addEventListener("abort", aborted, { once: true });
  });
}

/** `Retry-After` in ms, as seconds or as a date (RFC 9110); 0 where there is none. */
export function retryAfterMs(header: string | null, now = Date.now()): number {
  if (header === null) return 0;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1_000;
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}
