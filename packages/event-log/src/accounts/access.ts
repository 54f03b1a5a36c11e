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

/** Reads by exactly this consumer: takes its messages, acknowledges them, and asks how it stands. */
export const readsBy = (stream: string, consumer: string): Access[] => [
  asks(`CONSUMER.MSG.NEXT.${stream}.${consumer}`, { many: true }),
  asks(`CONSUMER.INFO.${stream}.${consumer}`),
  // Both forms of the subject; which one the broker gives depends on its version and settings.
  { kind: "service", subject: `$JS.ACK.${stream}.${consumer}.>` },
  { kind: "service", subject: `$JS.ACK.*.*.${stream}.${consumer}.>` },
];
