/** Readings of the log's end: what is stored behind one can't have been run before it. */
import { openForMs } from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { elapsedMs } from "../broker/elapsed.ts";
import { streamState, type StreamState } from "../broker/streamState.ts";
import type { Delivery } from "../read/pull.ts";

/** The log's end as it was at a time. */
export interface HighWaterMark extends Pick<
  StreamState,
  "created" | "lastSeq" | "leader"
> {
  /** When it was asked for, by `elapsedMs()`. */
  at: number;
}

/** Rejects where the broker can't be asked, or in a cluster where nobody surely leads. */
export async function readHighWaterMark(
  broker: Broker,
): Promise<HighWaterMark> {
  const at = elapsedMs();
  return { at, ...(await streamState(broker, broker.streams.events)) };
}

/** What a delivery brings beside its request. */
export interface DeliveryProof {
  /** The task was surely open then, by the delivery alone, by `elapsedMs()`; undefined: that can't be said. */
  freshAsOf: number | undefined;
  /** The latest reading of the log's end, at most 30 s old. */
  highWaterMark: HighWaterMark | undefined;
}

/** Keeps the readings of a consumer of work, for what they prove of its deliveries. */
export function makeHighWaterMarks(broker: Broker) {
  let marks: HighWaterMark[] = [];
  // A broker that comes back may deliver again, as if for the first time, what was run already.
  const stop = broker.onDisconnect(() => (marks = []));

  /** The readings of the last 30 s, oldest first. */
  const young = () => {
    const now = elapsedMs();
    return marks.filter(({ at }) => now - at <= openForMs);
  };

  return {
    async read(): Promise<HighWaterMark> {
      const mark = await readHighWaterMark(broker);
      marks = [...young(), mark];
      return mark;
    },
    /** Freshness goes by the oldest reading, before which most of a queue was not stored yet. */
    proofOf({ deliveryCount, seq }: Delivery): DeliveryProof {
      const readings = young();
      const [oldest] = readings;
      const isFresh =
        deliveryCount === 1 && seq > (oldest?.lastSeq ?? Infinity);
      return {
        freshAsOf: isFresh ? oldest?.at : undefined,
        highWaterMark: readings.at(-1),
      };
    },
    [Symbol.dispose]: () => void stop(),
  };
}
