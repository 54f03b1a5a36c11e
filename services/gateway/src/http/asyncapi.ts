/** The AsyncAPI document of events and calls: `/asyncapi.json`. The schema package has it; here it gets the system's own names. */
import committed from "@jetscribe/schema/asyncapi.json" with { type: "json" };
import { makeNames } from "@jetscribe/schema";
import * as z from "zod";
import type { App } from "./appDeps.ts";
import { answer, problems } from "./docs.ts";
import type { Schema } from "./pages/schemaHtml.ts";

const streamField = "x-jetstream-stream";

/** What of the document is read here. */
export type AsyncApi = {
  asyncapi: string;
  info: { title: string; version: string; description: string };
  channels: Record<string, Channel>;
  components: { messages: Record<string, Message> };
};
interface Channel {
  /** Null: the inbox that a caller names. */
  address: string | null;
  messages: Record<string, unknown>;
  /** Of a subject that is stored. */
  [streamField]?: string;
}
export interface Message {
  name: string;
  title: string;
  summary: string;
  headers: Schema;
  /** Absent: it has no body. */
  payload?: { schema: Schema };
  examples: { headers: object; payload?: unknown }[];
}

/** `namespace`: stands before all names of the system on the broker. */
export function asyncApiOf(namespace: string | undefined): AsyncApi {
  const document: AsyncApi = committed;
  if (namespace === undefined) return document;
  const { streams } = makeNames(namespace);
  const channels = Object.entries(document.channels).map(
    ([name, channel]): [string, Channel] => [
      name,
      {
        ...channel,
        address: channel.address && `${namespace}.${channel.address}`,
        ...(channel[streamField] && { [streamField]: streams.events }),
      },
    ],
  );
  return { ...document, channels: Object.fromEntries(channels) };
}

const { asyncapi, info } = committed;
const Document = z
  .looseObject({
    asyncapi: z.string(),
    info: z.looseObject({ title: z.string(), version: z.string() }),
    channels: z.record(z.string(), z.unknown()),
  })
  .meta({ description: "An AsyncAPI document." });

export function asyncApiRoute(app: App, document: AsyncApi): void {
  app.get(
    "/asyncapi.json",
    {
      schema: {
        operationId: "getAsyncApi",
        tags: ["Operate"],
        summary: "The events and calls on NATS, for programs",
        description:
          "An AsyncAPI 3 document: the subjects on NATS, the headers and the data of every event, and of the calls by request and reply. `/docs/events` shows it.",
        response: {
          ...problems(),
          200: answer(Document, "The document", {
            example: { asyncapi, info, channels: {} },
          }),
        },
        security: [],
      },
    },
    () => document,
  );
}
