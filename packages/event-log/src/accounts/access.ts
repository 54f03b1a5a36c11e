/** What the services' account lets another account use: one export here, one import there. */

/**
 * - stream: messages of the subject pass to the other account
 * - service: questions to the subject pass to the services' account, and the answers back, into an inbox that the caller's
 *   account has; with `many`, any number of answers. The other account asks them by the subject `as`
 */
export type Access =
  | { kind: "stream"; subject: string }
  | {
      kind: "service";
      subject: string;
      as?: string;
      many?: boolean;
      /** The broker passes no answer on that comes later, in seconds; absent: after its own two minutes. */
      answeredWithinS?: number;
    };

/**
 * Stands where `$JS.API` stands in the services' account, and is what a client in another account takes for the prefix of
 * the JetStream API: to `$JS.API` the broker itself answers there, that the account has no JetStream.
 */
export const apiPrefix = "JETSCRIBE.API";

/**
 * The broker remembers a question with `many` answers, in about 650 bytes, until its inbox is given up or no answer came
 * for so long. A pull has to end sooner.
 */
const manyAnswersWithinS = 60;

/** A question to the JetStream API. */
export const asks = (question: string, { many = false } = {}): Access => ({
  kind: "service",
  subject: `$JS.API.${question}`,
  as: `${apiPrefix}.${question}`,
  ...(many && { many, answeredWithinS: manyAnswersWithinS }),
});

/**
 * Where a message of the consumer is acknowledged, which may also ask for its next messages: both forms of the subject, since
 * the broker's version and settings decide which one it gives. They have as many words as what the broker itself listens
 * to. A `>` in the place of the numbers would take the shorter form of another consumer for the longer one of this.
 */
export const acknowledgesBy = (stream: string, consumer: string): string[] => [
  `$JS.ACK.${stream}.${consumer}.*.*.*.*.*`,
  // Behind a domain and an account. Later brokers may add words at the end.
  `$JS.ACK.*.*.${stream}.${consumer}.*.*.*.*.>`,
];

/** Reads by exactly this consumer: takes its messages, acknowledges them, and asks how it stands. */
export const readsBy = (stream: string, consumer: string): Access[] => [
  asks(`CONSUMER.MSG.NEXT.${stream}.${consumer}`, { many: true }),
  asks(`CONSUMER.INFO.${stream}.${consumer}`),
  ...acknowledgesBy(stream, consumer).map((subject): Access => ({
    kind: "service",
    subject,
  })),
];
