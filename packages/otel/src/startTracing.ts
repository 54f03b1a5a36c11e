/** The one place that loads the OpenTelemetry SDK. Spans are made by hand, and no loader hook is set. */
import {
  context as contexts,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type SpanContext as OtelContext,
} from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { RandomIdGenerator, type IdGenerator } from "@opentelemetry/sdk-trace";
import { attr, schemaUrl } from "./conventions.ts";
import type {
  Attributes,
  NewSpan,
  SpanContext,
  StartTracing,
  Tracing,
} from "./port.ts";

const flushWithinMs = 2_000;
const complainEveryMs = 60_000;

const kinds = {
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

/** Exporter, sampler, queue and resource are what the variables `OTEL_*` say, which the SDK reads itself. */
export const startTracing: StartTracing = ({ service, onTrouble }) => {
  const ids = makeIds();
  const sdk = new NodeSDK({
    serviceName: service,
    idGenerator: ids.generator,
    // Nothing finds its parent in a context, and no header is written or read by the SDK.
    textMapPropagator: null,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  });
  // Behind the SDK's own, which OTEL_LOG_LEVEL has it set, and which writes spans and answers to stdout.
  diag.setLogger(quietLogger(onTrouble), {
    logLevel: DiagLogLevel.WARN,
    suppressOverrideMessage: true,
  });
  sdk.start();
  const tracer = trace
    .getTracerProvider()
    .getTracer("jetscribe", undefined, { schemaUrl });

  function begin({ parent, spanId, startS, links = [], ...span }: NewSpan) {
    ids.next = { traceId: parent.traceId, spanId };
    const options = {
      kind: kinds[span.kind],
      startTime: startS * 1_000,
      attributes: span.attributes as Record<string, string | number>,
      links: links.map((link) => ({ context: toOtel(link) })),
    };
    const started = tracer.startSpan(span.name, options, contextOf(parent));
    return {
      context: fromOtel(started.spanContext()),
      end({ endS, errorType, attributes = {} }: Parameters<End>[0]) {
        setAll(started, attributes);
        if (errorType !== undefined) {
          started.setAttribute(attr.errorType, errorType);
          started.setStatus({ code: SpanStatusCode.ERROR });
        }
        started.end(Math.max(startS, endS) * 1_000);
      },
    };
  }

  return {
    begin,
    async shutdown() {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, flushWithinMs);
      await Promise.race([sdk.shutdown().catch(() => undefined), late.promise]);
      clearTimeout(timer);
      contexts.disable();
    },
  };
};

type End = ReturnType<Tracing["begin"]>["end"];

function setAll(
  span: { setAttribute(name: string, value: string | number): unknown },
  attributes: Attributes,
): void {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) span.setAttribute(name, value as string | number);
}

/** Ids that are decided beforehand; random ones where none is. A span takes what was said right before it begins. */
function makeIds() {
  const random = new RandomIdGenerator();
  const ids: {
    next: { traceId?: string; spanId?: string | undefined };
    generator: IdGenerator;
  } = {
    next: {},
    generator: {
      generateTraceId: () => ids.next.traceId ?? random.generateTraceId(),
      generateSpanId: () => ids.next.spanId ?? random.generateSpanId(),
    },
  };
  return ids;
}

const contextOf = (parent: NewSpan["parent"]): Context =>
  "spanId" in parent
    ? trace.setSpanContext(ROOT_CONTEXT, toOtel(parent))
    : ROOT_CONTEXT;

const toOtel = ({ traceId, spanId, sampled }: SpanContext): OtelContext => ({
  traceId,
  spanId,
  traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
  isRemote: true,
});

const fromOtel = ({
  traceId,
  spanId,
  traceFlags,
}: OtelContext): SpanContext => ({
  traceId,
  spanId,
  sampled: (traceFlags & TraceFlags.SAMPLED) !== 0,
});

/**
 * The SDK speaks of every batch that it could not export. One word a minute is enough, and not its own: that may repeat
 * an answer of the collector, or a header with a secret.
 */
function quietLogger(onTrouble: (lost: string) => void) {
  let quietUntil = -Infinity;
  function complain(...said: unknown[]): void {
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + complainEveryMs;
    onTrouble(codeOf(said));
  }
  const nothing = () => undefined;
  return {
    error: complain,
    warn: complain,
    info: nothing,
    debug: nothing,
    verbose: nothing,
  };
}

/** A system's code such as ECONNREFUSED, or an HTTP status, where the error that the SDK tells as JSON has one. */
const codeOf = (said: readonly unknown[]): string =>
  /"code":"(E[A-Z]+|\d{3})"/.exec(said.join(" "))?.[1] ?? "unknown";
