/** Readings of the log's end: what is stored behind one can't have been run before it. */
import { openForMs } from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { elapsedMs } from "../broker/elapsed.ts";
import type { Delivery } from "../read/pull.ts";
import { streamState } from "../broker/streamState.ts";

/** The log's end as it was read at a time. */
export interface Mark {
  /** By `elapsedMs()`. */
  at: number;
  /** The log's last sequence. */
  seq: number;
  /** When the stream was created, as the broker writes it. */
  created: string;
}

export function makeMarks(broker: Broker) {
  /** The readings of the last 30 s, oldest first. */
  let marks: Mark[] = [];
  // A broker that comes back may deliver again, as if for the first time, what was run already.
  const stop = broker.onDisconnect(() => (marks = []));

  function forgetOld() {
    const now = elapsedMs();
    while (marks[0] !== undefined && now - marks[0].at > openForMs)
      marks.shift();
  }
  return {
    async read(): Promise<Mark> {
      const at = elapsedMs();
      const { lastSeq, created } = await streamState(
        broker,
        broker.streams.events,
      );
      forgetOld();
      const mark = { at, seq: lastSeq, created };
      marks.push(mark);
      return mark;
    },
    latest(): Mark | undefined {
      forgetOld();
      return marks.at(-1);
    },
    /** By the oldest reading, before which most of a queue was not stored yet. */
    freshAsOf({ deliveryCount, seq }: Delivery): number | undefined {
      forgetOld();
      const [oldest] = marks;
      return deliveryCount === 1 && oldest !== undefined && seq > oldest.seq
        ? oldest.at
        : undefined;
    },
    [Symbol.dispose]: () => void stop(),
  };
}
