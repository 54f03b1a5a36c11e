/** A collector of traces: it takes OTLP over HTTP as JSON, and keeps every span. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as z from "zod";

const Value = z.union([
  z.object({ stringValue: z.string() }).transform((v) => v.stringValue),
  z
    .object({ intValue: z.union([z.number(), z.string()]) })
    .transform((v) => Number(v.intValue)),
  z.object({ doubleValue: z.number() }).transform((v) => v.doubleValue),
  z.object({ boolValue: z.boolean() }).transform((v) => v.boolValue),
  z
    .object({
      arrayValue: z.object({ values: z.array(z.json()) }),
    })
    .transform((v) => JSON.stringify(v.arrayValue.values)),
]);
const Attributes = z
  .array(z.object({ key: z.string(), value: Value }))
  .transform((all) =>
    Object.fromEntries(all.map(({ key, value }) => [key, value])),
  );
const seconds = z
  .string()
  .transform((nanoseconds) => Number(nanoseconds) / 1e9);
const Span = z.object({
  traceId: z.string().length(32),
  spanId: z.string().length(16),
  parentSpanId: z.string().optional(),
  name: z.string(),
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: z.int(),
  startTimeUnixNano: seconds,
  endTimeUnixNano: seconds,
  attributes: Attributes.default({}),
  links: z
    .array(z.object({ traceId: z.string(), spanId: z.string() }))
    .default([]),
  status: z.object({ code: z.int().default(0) }).default({ code: 0 }),
});
const Export = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: Attributes }),
      scopeSpans: z.array(
        z.object({ schemaUrl: z.string().optional(), spans: z.array(Span) }),
      ),
    }),
  ),
});

/** A span, and the `service.name` of who sent it. Times are in seconds since the epoch. */
export type ReceivedSpan = z.infer<typeof Span> & {
  service: string;
  schemaUrl: string | undefined;
};

export interface OtlpReceiver extends AsyncDisposable {
  /** What has the services send to it. */
  readonly env: Record<string, string>;
  spans(): readonly ReceivedSpan[];
  /** The bodies as they came. */
  bodies(): readonly string[];
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const bodies: string[] = [];
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, answer) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      bodies.push(body);
      spans.push(...spansOf(body));
      answer.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "100",
    },
    spans: () => spans,
    bodies: () => bodies,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function spansOf(body: string): ReceivedSpan[] {
  const { resourceSpans } = Export.parse(JSON.parse(body));
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ schemaUrl, spans }) =>
      spans.map((span) => ({
        ...span,
        schemaUrl,
        service: String(resource.attributes["service.name"]),
      })),
    ),
  );
}
