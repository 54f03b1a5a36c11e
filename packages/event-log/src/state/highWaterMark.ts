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

/** Keeps the readings of one consumer of work, for what they prove of its deliveries. */
export function makeHighWaterMarks(broker: Broker) {
  /** The readings of the last 30 s, oldest first. */
  let marks: HighWaterMark[] = [];
  // A broker that comes back may deliver again, as if for the first time, what was run already.
  const stop = broker.onDisconnect(() => (marks = []));

  function forgetOld() {
    const now = elapsedMs();
    while (marks[0] !== undefined && now - marks[0].at > openForMs)
      marks.shift();
  }
  return {
    async read(): Promise<HighWaterMark> {
      const mark = await readHighWaterMark(broker);
      forgetOld();
      marks.push(mark);
      return mark;
    },
    latest(): HighWaterMark | undefined {
      forgetOld();
      return marks.at(-1);
    },
    /**
     * When a task was surely open by its delivery alone, by `elapsedMs()`. It goes by the oldest reading, before which
     * most of a queue was not stored yet.
     */
    freshAsOf({ deliveryCount, seq }: Delivery): number | undefined {
      forgetOld();
      const [oldest] = marks;
      return deliveryCount === 1 && oldest !== undefined && seq > oldest.lastSeq
        ? oldest.at
        : undefined;
    },
    [Symbol.dispose]: () => void stop(),
  };
}
