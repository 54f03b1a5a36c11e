import type { NewSpan, SpanContext } from "@jetscribe/otel/port";
import assert from "node:assert/strict";
import { test } from "vitest";
import { asksForTraces } from "./loadTracing.ts";
import {
  attemptSpanId,
  makeTraceparentOf,
  projectionSpanId,
  readTraceparent,
  sendSpanId,
  traceparentOf,
} from "./taskSpans.ts";
import { makeTraceProjection } from "./traceProjection.ts";

const task_id = "01a223a2-8a9a-7000-88f8-34f32d0239c4";
const traceId = "0af7651916cd43dd8448eb211c80319c";

test("traces are asked for by an endpoint or an exporter, unless they are turned off", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
  const asked = [
    endpoint,
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://collector:4318/v1/traces" },
    { OTEL_TRACES_EXPORTER: "console" },
    { ...endpoint, OTEL_TRACES_EXPORTER: "" },
    { ...endpoint, OTEL_SDK_DISABLED: "false" },
  ];
  for (const env of asked) assert.ok(asksForTraces(env), JSON.stringify(env));
  const not = [
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: " " },
    { OTEL_TRACES_SAMPLER: "always_on" },
    { ...endpoint, OTEL_TRACES_EXPORTER: "none" },
    { ...endpoint, OTEL_SDK_DISABLED: "TRUE" },
  ];
  for (const env of not) assert.ok(!asksForTraces(env), JSON.stringify(env));
});

test("the spans of a task have ids of their own, and the same ones everywhere", () => {
  const ids = [
    sendSpanId({ task_id }),
    attemptSpanId(task_id, 1),
    attemptSpanId(task_id, 2),
    projectionSpanId(task_id, "results"),
    projectionSpanId(task_id, "logger"),
  ];
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^(?!0{16})[0-9a-f]{16}$/);
  assert.equal(sendSpanId({ task_id }), "88f834f32d0239c4");
});

test("a traceparent is read as it is written", () => {
  for (const sampled of [true, false]) {
    const span = { traceId, spanId: "b7ad6b7169203331", sampled };
    assert.deepEqual(readTraceparent(traceparentOf(span)), span);
  }
  assert.equal(readTraceparent("00-0-0-01"), undefined);
  assert.equal(readTraceparent(undefined), undefined);
});

/** Keeps what is begun; a trace is exported where `sampled` says so. */
function recorder(sampled = true) {
  const begun: NewSpan[] = [];
  const begin = (span: NewSpan) => {
    begun.push(span);
    const { traceId } = span.parent;
    const context: SpanContext = { traceId, spanId: "1".repeat(16), sampled };
    return { context, end: () => undefined };
  };
  return { begun, tracing: { begin, shutdown: () => Promise.resolve() } };
}

test("an event that no attempt caused goes on from the request, in the caller's trace", () => {
  const spanId = sendSpanId({ task_id });
  const client = `00-${traceId}-b7ad6b7169203331-00`;
  const of = makeTraceparentOf(recorder().tracing);
  assert.equal(
    of({ task_id, traceparent: client }),
    `00-${traceId}-${spanId}-00`,
  );
  const own = task_id.replaceAll("-", "");
  assert.equal(of({ task_id }), `00-${own}-${spanId}-01`);
  const unsampled = makeTraceparentOf(recorder(false).tracing);
  assert.equal(unsampled({ task_id }), `00-${own}-${spanId}-00`);
  // Without traces the caller's goes on as it came.
  const none = makeTraceparentOf(undefined);
  assert.equal(none({ task_id, traceparent: client }), client);
  assert.equal(none({ task_id }), undefined);
});

test("a projection tells of outcomes alone, each in the trace that its event names", () => {
  const { begun, tracing } = recorder();
  const trace = makeTraceProjection(tracing, {
    ...{ service: "results", stream: "EVENTS", nowS: () => 100 },
  });
  const cause = { traceId, spanId: "b7ad6b7169203331", sampled: true };
  const message = (type: string, headers: Record<string, string>) => ({
    subject: `llm.events.${type}.demo.interactive.default`,
    header: (name: string) =>
      ({ "ce-subject": task_id, ...headers })[name] ?? "",
  });
  trace(
    [
      message("requested", {}),
      message("completed", { traceparent: traceparentOf(cause) }),
      message("cancelled", {}),
    ],
    performance.now(),
  );
  assert.deepEqual(
    begun.map(({ parent, links }) => [parent, links]),
    [
      [cause, [cause]],
      [{ traceId: task_id.replaceAll("-", "") }, []],
    ],
  );
});
