import type { Logger } from "@jetscribe/runtime";
import { setTimeout as sleep } from "node:timers/promises";
import type { Projection } from "./projection.ts";

/** What the leading instance does again and again. */
export interface Job {
  /** Between two looks, in ms. */
  readonly everyMs: number;
  look: (signal: AbortSignal) => Promise<void>;
  /** Logged on debug where a look fails: the broker or Redis is away, and whoever follows them says so. */
  failed: string;
  /** Before each look, and as often while another instance leads. */
  onTick?: (leads: boolean) => void;
}

/** Does the job while this instance leads and is caught up, until the signal aborts. */
export async function whileLeading(
  {
    projection,
    log,
  }: { projection: Pick<Projection, "role">; log: Pick<Logger, "debug"> },
  job: Job,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(job.everyMs, undefined, { signal }).catch(() => undefined);
    const { leading, caughtUp } = projection.role();
    const leads = leading && caughtUp;
    job.onTick?.(leads);
    if (!leads || signal.aborted) continue;
    await job
      .look(signal)
      .catch((error: unknown) => log.debug({ err: error }, job.failed));
  }
}
