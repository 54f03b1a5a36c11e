/** The AsyncAPI document of events and calls, out of their zod schemas, their subjects, frozen samples and the codec. */
import { encodeEvent } from "@jetscribe/event-log/codec/codec";
import {
  eventTypes,
  jsonSchemaOf,
  kinds,
  Lane,
  makeNames,
  outcomeWords,
  queueOf,
  type EventType,
  type TaskEvent,
} from "@jetscribe/schema";
import { apiChannels, apiMessages, apiOperations } from "./apiCalls.ts";
import { eventHeaders, storedHeaders } from "./eventHeaders.ts";
import { readText } from "../docs/documents.ts";

const names = makeNames();
const types = Object.keys(kinds) as EventType[];

/** Which event it is, and which service appends it. */
const summaries: Record<EventType, [summary: string, source: string]> = {
  GenerateRequested: ["A request was accepted.", "gateway"],
  GenerateStarted: ["A worker started an attempt.", "inference"],
  GenerateRetried: [
    "An attempt ended without an outcome; the task waits again.",
    "inference",
  ],
  GenerateCompleted: ["The task has its text.", "inference"],
  GenerateFailed: ["The task failed.", "inference"],
  GenerateCancelled: ["The task was cancelled.", "gateway"],
};

/** A request's queue stands in the subjects of all events of its task. */
const sampleQueue = queueOf(
  eventTypes.GenerateRequested.schema.parse(sampleOf("GenerateRequested").data),
);

/** The frozen sample that has most fields. */
function sampleOf(type: EventType): TaskEvent {
  const file = `packages/schema/fixtures/events/v1/${type}.full.json`;
  return { type, data: JSON.parse(readText(file)) as unknown } as TaskEvent;
}

export function asyncApi() {
  const channels = types.flatMap((type) => channelsOf(type));
  return {
    asyncapi: "3.1.0",
    info: {
      title: "Jetscribe events",
      version: "1",
      description: `Every step of every task is a CloudEvent 1.0 in the JetStream stream \`${names.streams.events}\`, in binary mode: the attributes are NATS headers, the body is the event's data as JSON.

A subscriber of \`llm.stored\` hears each event once it is stored, without its body, and at most once. A consumer of the stream reads the events with their bodies, in order, from any place.

Owners who may do so post prompts, read results and cancel tasks by request and reply on \`llm.api\`, as by REST.

Ignore fields and headers that you do not know. A version of an event may gain optional fields; a change of meaning is another version.`,
      license: {
        name: "Apache-2.0",
        url: "https://www.apache.org/licenses/LICENSE-2.0",
      },
    },
    defaultContentType: "application/json",
    servers: {
      nats: {
        host: "127.0.0.1:4222",
        protocol: "nats",
        description: "The broker. Its address is the one that `npm start` prints, or that of your installation.", // prettier-ignore
      },
    },
    channels: Object.fromEntries([
      ...channels.map(({ id, channel }) => [id, channel] as const),
      ...apiChannels(),
    ]),
    operations: Object.fromEntries([
      ...channels.map(
        ({ id, message, summary }) =>
          [
            `send${id}`,
            {
              action: "send",
              channel: { $ref: `#/channels/${id}` },
              summary,
              messages: [{ $ref: `#/channels/${id}/messages/${message}` }],
            },
          ] as const,
      ),
      ...apiOperations(),
    ]),
    components: {
      messages: Object.fromEntries([
        ...types.flatMap((type) => messagesOf(type)),
        ...apiMessages(),
      ]),
      parameters,
    },
  };
}

const parameters = {
  model: { description: "The slug of the model's name." },
  lane: { description: "The task's lane.", enum: Lane.options },
  owner: { description: "The slug of the name of the API key." },
  group: { description: "The group of the task." },
};

/** Where an event is stored, and where the broker tells of it. Only requests are told apart by their group. */
function channelsOf(type: EventType) {
  const { word } = kinds[type];
  const places = { model: "{model}", lane: "{lane}", owner: "{owner}" };
  const [summary] = summaries[type];
  const groups = type === "GenerateRequested" ? [undefined, "{group}"] : [undefined]; // prettier-ignore
  return groups.flatMap((group) =>
    (["event", "stored"] as const).map((kind) => {
      const stored = kind === "stored";
      const message = stored ? `${type}Stored` : type;
      const params = Object.keys({ ...places, ...(group && { group }) });
      return {
        id: `${type}${stored ? "Stored" : ""}${group ? "InGroup" : ""}`,
        message,
        summary: stored ? `${summary.slice(0, -1)}: told without a body.` : summary, // prettier-ignore
        channel: {
          address: names.subjects[kind](word, { ...places, group }),
          messages: { [message]: { $ref: `#/components/messages/${message}` } },
          parameters: Object.fromEntries(
            params.map((name) => [name, { $ref: `#/components/parameters/${name}` }]), // prettier-ignore
          ),
          ...(!stored && { "x-jetstream-stream": names.streams.events }),
        },
      };
    }),
  );
}

function messagesOf(type: EventType): [string, object][] {
  const [summary, source] = summaries[type];
  const sample = sampleOf(type);
  const headers = headersOf(sample, source);
  const { $schema: _, ...schema } = jsonSchemaOf(type, "draft-7");
  const common = {
    name: `jetscribe.${type}.v1`,
    correlationId: {
      description: "The task id.",
      location: "$message.header#/ce-subject",
    },
  };
  return [
    [
      type,
      {
        ...common,
        title: type,
        summary,
        contentType: "application/json",
        headers: eventHeaders(type),
        payload: {
          schemaFormat: "application/schema+json;version=draft-07",
          schema,
        },
        examples: [{ name: type, headers, payload: sample.data }],
      },
    ],
    [
      `${type}Stored`,
      {
        ...common,
        title: `${type}, told by the broker`,
        summary: `${summary} The message has no body.`,
        headers: storedHeaders(type),
        examples: [
          {
            name: `${type}Stored`,
            headers: { ...headers, ...storedBy(type) },
          },
        ],
      },
    ],
  ];
}

/** As the codec writes them. */
export function headersOf(
  event: TaskEvent,
  source: string,
): Record<string, string> {
  const { headers } = encodeEvent(event, sampleQueue, {
    ...{ names, source, now: new Date("2025-11-21T15:30:55.500Z") },
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-8000000000000000-01",
    task: {
      seq: 40,
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      webhook: outcomeWords,
    },
  });
  // Both kinds of headers have it, the client's as a method that its interface does not name.
  const bytes = (headers as unknown as { encode(): Uint8Array }).encode();
  const [, ...lines] = new TextDecoder().decode(bytes).trimEnd().split("\r\n");
  return Object.fromEntries(
    lines.map((line) => line.split(/: (.*)/s).slice(0, 2)),
  ) as Record<string, string>;
}

/** What nats-server adds. */
const storedBy = (type: EventType) => ({
  "Nats-Stream": names.streams.events,
  "Nats-Subject": names.eventSubject(type, sampleQueue),
  "Nats-Sequence": "42",
  "Nats-Last-Sequence": "41",
  "Nats-Time-Stamp": "2025-11-21T15:30:55.501234567Z",
  "Nats-Msg-Size": "512",
});
