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

const prefix = "$JS.ACK.";

/**
 * Reads `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<count>.<seq>.<consumer seq>.<time>.<pending>[.<random>]`;
 * undefined for any other subject.
 */
export function parseAckSubject(subject: string): AckSubject | undefined {
  if (!subject.startsWith(prefix)) return undefined;
  const next = (at: number) => subject.indexOf(".", at) + 1;
  let consumerAt = next(prefix.length);
  let countAt = next(consumerAt);
  // Domain and account came first: here stands the stream's name, which begins with a letter.
  if (digitAt(subject, countAt) === undefined) {
    consumerAt = next(countAt);
    countAt = next(consumerAt);
  }
  const seqAt = next(countAt);
  const consumerSeqAt = next(seqAt);
  const timeAt = next(consumerSeqAt);
  const pendingAt = next(timeAt);
  return {
    consumer: subject.slice(consumerAt, countAt - 1),
    deliveryCount: integerAt(subject, countAt),
    seq: integerAt(subject, seqAt),
    consumerSeq: integerAt(subject, consumerSeqAt),
    time: Number(subject.slice(timeAt, pendingAt - 1)) / 1e9,
    pending: integerAt(subject, pendingAt),
  };
}

function digitAt(text: string, at: number): number | undefined {
  const digit = text.charCodeAt(at) - 48;
  return digit >= 0 && digit <= 9 ? digit : undefined;
}

/** The digits from a place on, up to 2^53. It is done for each event: to cut the text into parts takes three times as long. */
function integerAt(text: string, from: number): number {
  let value = 0;
  for (let at = from; ; at++) {
    const digit = digitAt(text, at);
    if (digit === undefined) return value;
    value = value * 10 + digit;
  }
}
