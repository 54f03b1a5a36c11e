/** What the broker says of a delivery in the subject that acknowledges it. */

export interface AckSubject {
  consumer: string;
  /** How often it was delivered, this time included. */
  deliveryCount: number;
  /** Of the message in its stream. */
  seq: number;
  /** Of the delivery among those of its consumer. */
  consumerSeq: number;
  /** When the message was stored, in seconds since the epoch. */
  time: number;
  /** How many the consumer has yet to deliver. */
  pending: number;
}

/**
 * Reads `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<count>.<seq>.<consumer seq>.<time>.<pending>[.<random>]`;
 * undefined for any other subject.
 */
export function parseAckSubject(subject: string): AckSubject | undefined {
  if (!subject.startsWith("$JS.ACK.")) return undefined;
  const words = subject.split(".").slice(2);
  // Without domain and account the third word is a count: no stream's name begins with a digit.
  const [, consumer = "", ...numbers] = /^\d/.test(words[2] ?? "")
    ? words
    : words.slice(2);
  const [deliveryCount = 0, seq = 0, consumerSeq = 0, time = 0, pending = 0] =
    numbers.map(Number);
  return {
    ...{ consumer, deliveryCount, seq, consumerSeq, pending },
    time: time / 1e9,
  };
}
