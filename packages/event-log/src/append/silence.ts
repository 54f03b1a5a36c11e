/** Whether a broker that is connected leaves one message after the other without its answer, as after a full disk. */
import {
  publishedAgainWithinMs,
  storesNothingAfterMs,
} from "@jetscribe/schema";

/** Times are in ms, of whatever clock. */
export function makeSilence() {
  let since: number | undefined;
  let latest = -Infinity;
  return {
    /** An answer came, or the connection is gone and with it what was known. */
    over: () => void (since = undefined),
    /** An answer was due, and didn't come. */
    missed(now: number) {
      if (since === undefined || now - latest > publishedAgainWithinMs)
        since = now;
      latest = now;
    },
    lasts: (now: number): boolean =>
      since !== undefined &&
      latest - since >= storesNothingAfterMs &&
      now - latest <= publishedAgainWithinMs,
  };
}
