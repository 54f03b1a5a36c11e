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

/** Keeps the readings of a consumer of work, for what they prove of its deliveries. */
export function makeHighWaterMarks(broker: Broker) {
  let marks: HighWaterMark[] = [];
  // A broker that comes back may deliver again, as if for the first time, what was run already.
  const stop = broker.onDisconnect(() => (marks = []));

  /** The readings of the last 30 s, oldest first. */
  const young = (now = elapsedMs()) =>
    marks.filter(({ at }) => now - at <= openForMs);

  return {
    async read(): Promise<HighWaterMark> {
      const mark = await readHighWaterMark(broker);
      marks = [...young(), mark];
      return mark;
    },
    latest: () => young().at(-1),
    /**
     * When a task was surely open by its delivery alone, by `elapsedMs()`. It goes by the oldest reading, before which
     * most of a queue was not stored yet.
     */
    freshAsOf({ deliveryCount, seq }: Delivery): number | undefined {
      const [oldest] = young();
      return deliveryCount === 1 && oldest !== undefined && seq > oldest.lastSeq
        ? oldest.at
        : undefined;
    },
    [Symbol.dispose]: () => void stop(),
  };
}
