/** What a reader of a stream is sent, until it is taken in batches. */
import type { Delivery, PullEnd, Puller } from "./pull.ts";

export interface Gather {
  /** From the first message on. */
  ms: number;
  /** With such a message the batch waits no longer. */
  until: (message: Delivery) => boolean;
}

export const batchSize = 512;
/** What a pull may bring at most; a message over that, of a broker with a larger payload limit, is pulled alone. */
const batchBytes = 24 * 2 ** 20;
const pullExpiresMs = 5_000;

/**
 * One pull stands at a time, or it could not be told which one a message counts for; it goes on while a batch is worked
 * on, and stops while many messages wait for that.
 */
export function makeInbound(
  puller: Puller,
  stream: string,
  consumer: string,
  gather?: Gather,
) {
  let waiting: Delivery[] = [];
  let expected = 1;
  let standing = false;
  /** The next message alone is over the bytes of a pull. */
  let nextIsHuge = false;
  let failure: Error | undefined;
  let stopped = false;
  let changed = Promise.withResolvers<void>();
  let gathering: NodeJS.Timeout | undefined;
  /** What waits is not to wait any longer. */
  let due = false;

  const ready = () => {
    clearTimeout(gathering);
    gathering = undefined;
    due = true;
    changed.resolve();
  };
  const fail = (why: string) => {
    failure ??= new Error(`the reading of ${stream} was interrupted: ${why}`);
    ready();
  };
  const handlers = {
    onDelivery(message: Delivery) {
      if (failure !== undefined || stopped) return;
      if (message.consumerSeq !== expected++)
        return fail("a message is missing");
      waiting.push(message);
      const full = waiting.length >= batchSize;
      if (gather === undefined || full || gather.until(message)) ready();
      else if (!due) gathering ??= setTimeout(ready, gather.ms);
    },
    onEnd(end: PullEnd, delivered: number) {
      standing = false;
      nextIsHuge = end === "too large" && delivered === 0;
      if (end === "gone" || end === "lost") fail(end);
      else pull();
    },
  };
  function pull() {
    const enough = standing || waiting.length >= batchSize;
    if (enough || failure !== undefined || stopped) return;
    standing = true;
    const size = nextIsHuge
      ? { batch: 1 }
      : { batch: batchSize, maxBytes: batchBytes };
    puller.pull(
      { stream, consumer, ...size, expiresMs: pullExpiresMs },
      handlers,
    );
  }
  return {
    /** The messages that came meanwhile; undefined once it is stopped. */
    async next(): Promise<Delivery[] | undefined> {
      while (waiting.length === 0 || !due) {
        if (stopped) return undefined;
        if (failure !== undefined) throw failure;
        pull();
        await changed.promise;
        changed = Promise.withResolvers<void>();
      }
      const batch = waiting;
      waiting = [];
      due = false;
      pull();
      return batch;
    },
    stop() {
      stopped = true;
      ready();
    },
  };
}
