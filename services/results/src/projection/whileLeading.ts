import type { Logger } from "@jetscribe/runtime";
import { setTimeout as sleep } from "node:timers/promises";
import type { Projection } from "./projection.ts";

/** Looks again and again, while this instance leads and is caught up, until the signal aborts. */
export async function whileLeading(
  {
    projection,
    log,
  }: { projection: Pick<Projection, "role">; log: Pick<Logger, "debug"> },
  {
    everyMs,
    look,
    failed,
    onTick,
  }: {
    /** Between two looks, in ms. */
    everyMs: number | (() => number);
    look: () => Promise<void>;
    /** Logged on debug where a look fails: the broker or Redis is away, and whoever follows them says so. */
    failed: string;
    /** Before each look, and as often while another instance leads. */
    onTick?: (leads: boolean) => void;
  },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const ms = typeof everyMs === "number" ? everyMs : everyMs();
    await sleep(ms, undefined, { signal }).catch(() => undefined);
    const { leading, caughtUp } = projection.role();
    const leads = leading && caughtUp;
    onTick?.(leads);
    if (!leads || signal.aborted) continue;
    await look().catch((error: unknown) => log.debug({ err: error }, failed));
  }
}
