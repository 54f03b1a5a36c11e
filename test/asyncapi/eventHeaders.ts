/** The NATS headers of messages, as JSON Schemas. */
import {
  dataSchemaOf,
  isOutcome,
  type EventType,
  type TaskEvent,
} from "@jetscribe/schema";

type Header = Record<string, unknown>;

export const text = (description: string, more: object = {}): Header => ({
  type: "string",
  description,
  ...more,
});
const uuid = { format: "uuid" };
const traceparent = { pattern: "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$" };

/** Of every event. */
const required = (type: EventType): Record<string, Header> => ({
  "ce-specversion": text("The version of CloudEvents.", { const: "1.0" }),
  "ce-id": text("The event's id: that of its message."),
  "ce-source": text("The service that appended it, as `/jetscribe/gateway`."),
  "ce-type": text("What happened, and the version of its data.", {
    const: `jetscribe.${type}.v1`,
  }),
  "ce-subject": text("The task id.", uuid),
  "ce-time": text("When it happened, by the broker's clock.", {
    format: "date-time",
  }),
  "ce-dataschema": text("The id of the JSON Schema of its data.", {
    const: dataSchemaOf(type),
  }),
  "ce-datacontenttype": text("The type of its body.", {
    const: "application/json",
  }),
  "Nats-Msg-Id": text("By it the broker stores the event once."),
});

const ofRequests = {
  "ce-userid": text("The request's `user_id`, percent-encoded."),
  "ce-metadata": text("The request's `metadata` as JSON, percent-encoded."),
  "ce-notbefore": text("The request's `not_before`, in seconds since the epoch."), // prettier-ignore
};

function optional(type: EventType): Record<string, Header> {
  return {
    traceparent: text("W3C Trace Context of the span that the event comes from: the last hop.", traceparent), // prettier-ignore
    "ce-traceparent": text("W3C Trace Context of the call that made the task, where that named one: the origin.", traceparent), // prettier-ignore
    ...(type === "GenerateRequested" && ofRequests),
    ...(type === "GenerateFailed" && {
      "ce-errortype": text("The type of its error."),
      "ce-errormessage": text("The first 256 characters of its error's message, on one line, percent-encoded; fewer where these take over 768 bytes, and absent where that is empty."), // prettier-ignore
    }),
    ...(isOutcome({ type } as TaskEvent) && {
      "ce-metrics": text("Numbers with commas: the wait and the processing time in seconds, the tokens of prompt and text, and the seconds to the first token where there was one."), // prettier-ignore
      "ce-webhook": text("The sequence of the task's request, where a webhook tells of the outcome."), // prettier-ignore
    }),
  };
}

export const headers = (
  must: Record<string, Header>,
  may: Record<string, Header>,
) => ({
  type: "object",
  properties: { ...must, ...may },
  required: Object.keys(must),
});

/** Of an event in the stream. */
export const eventHeaders = (type: EventType) =>
  headers(required(type), optional(type));

/** Of the message by which the broker tells that it stored the event. */
export const storedHeaders = (type: EventType) =>
  headers(
    {
      ...required(type),
      "Nats-Stream": text("The stream."),
      "Nats-Subject": text("The event's subject in the stream."),
      "Nats-Sequence": text("The event's sequence in the stream."),
      "Nats-Last-Sequence": text("The sequence of the event before on the same subject; 0: there is none."), // prettier-ignore
    },
    {
      ...optional(type),
      "Nats-Time-Stamp": text("When the broker stored the event; from nats-server 2.10 on.", { format: "date-time" }), // prettier-ignore
      "Nats-Msg-Size": text("Bytes of the event's body."),
    },
  );
