/** Whether a broker that is connected leaves one message after the other without its answer, as after a full disk. */
import {
  publishedAgainWithinMs,
  storesNothingAfterMs,
} from "@jetscribe/schema";

export interface Silence {
  /** An answer came, or the connection is gone and with it what was known. */
  over: () => void;
  /** An answer was due, and didn't come. */
  missed: (now: number) => void;
  lasts: (now: number) => boolean;
}

/** Times are in ms, of whatever clock. */
export function makeSilence(): Silence {
  let since: number | undefined;
  let latest = -Infinity;
  return {
    over: () => (since = undefined),
    missed(now) {
      if (since === undefined || now - latest > publishedAgainWithinMs)
        since = now;
      latest = now;
    },
    lasts: (now) =>
      since !== undefined &&
      latest - since >= storesNothingAfterMs &&
      now - latest <= publishedAgainWithinMs,
  };
}
