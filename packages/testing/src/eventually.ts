import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits for a condition: resolves with the first truthy value that it gives.
 * Rejects at the time-out, with the condition's last error or the last value that it gave. The time-out only bounds a
 * hang, so the condition is asked once more when it has passed: the machine may have stood still until then.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  {
    timeoutMs = 120_000,
    everyMs = 20,
  }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<Exclude<T, false | null | undefined | 0 | "">> {
  const deadline = performance.now() + timeoutMs;
  let last: { value: T } | { error: unknown };
  for (;;) {
    const isLate = performance.now() >= deadline;
    try {
      const value = await condition();
      if (value) return value as Exclude<T, false | null | undefined | 0 | "">;
      last = { value };
    } catch (error) {
      last = { error };
    }
    if (isLate) break;
    await sleep(everyMs);
  }
  if ("error" in last) throw last.error;
  throw new Error(
    `not within ${timeoutMs} ms; the last value was ${String(last.value)}`,
  );
}
