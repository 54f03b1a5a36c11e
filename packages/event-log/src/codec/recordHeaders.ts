/** The headers of an event that stands beside the log: a CloudEvent in binary mode, as the events of tasks are. */
interface Record {
  /** `KeyCreated`. */
  type: string;
  /** What it is about: the id of a key or of a task. */
  subject: string;
  id: string;
  /** The service that appends it: `gateway`. */
  source: string;
  now: Date;
  /** The broker stores a message with this id once within its duplicate window; by default `id`. */
  messageId?: string;
}

/** Each is `name: value` with a line end behind it; ASCII. */
export const recordHeaders = ({
  type,
  subject,
  id,
  source,
  now,
  messageId = id,
}: Record): string =>
  `ce-specversion: 1.0\r\nce-id: ${id}\r\nce-source: /jetscribe/${source}\r\n` +
  `ce-type: jetscribe.${type}.v1\r\nce-subject: ${subject}\r\nce-time: ${now.toISOString()}\r\n` +
  `ce-dataschema: urn:jetscribe:event:${type}:v1\r\nce-datacontenttype: application/json\r\n` +
  `Nats-Msg-Id: ${messageId}\r\n`;
