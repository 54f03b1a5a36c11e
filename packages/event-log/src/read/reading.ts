/** What a reader of a stream is told to read. */
import type { Gather } from "./inbound.ts";
import type { Delivery } from "./pull.ts";

/** Where a reader begins: at a sequence, or at the first message stored at or after a time (ms since the epoch). */
export type From = { seq: number } | { timeMs: number };

export interface Reading {
  stream: string;
  from: From;
  /** Only these subjects. Of several, a server before 2.10 sends all that the stream has. */
  filter?: string | readonly string[];
  headersOnly?: boolean;
  /**
   * The node of a cluster that has to be read: a reader is made on any of them, and reads what that one has, which may
   * be less than the leader's.
   */
  node?: string | undefined;
}

export interface Following extends Pick<
  Reading,
  "stream" | "filter" | "headersOnly" | "node"
> {
  /**
   * Asked at the start and whenever the connection was lost or a message was missed: the sequence to go on from.
   * This is where a projection compares its checkpoint with the log. A rejection is asked again a second later.
   */
  resume(): Promise<number>;
  /** It begins, and so many messages stand before it. */
  onBegin?(pending: number): void;
  /** How long a batch may wait for more messages before it is taken; by default not at all. */
  gather?: Gather;
  /** Takes messages in order, one batch at a time. A rejection leads to `resume`. */
  onBatch(messages: Delivery[]): Promise<void> | void;
  onInterruption?(error: unknown): void;
}
