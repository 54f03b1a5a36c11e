import {
  GenerateRequested,
  makeNames,
  newTaskId,
  type OutcomeWord,
  type TaskEvent,
} from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  metrics,
  queue,
  requested,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { encodeEvent, type TaskOfEvent } from "./codec.ts";
import {
  errorMessageBytes,
  errorMessageOf,
  errorTypeOf,
  labelsOf,
  metricsOf,
  scheduledTimeOf,
  webhookOf,
  type Labels,
} from "./attributes.ts";

/** The lines of the headers of a request with these labels, as the broker has them. */
const headersOf = (labels: Labels) => linesOf(requested(newTaskId(), labels));

function linesOf(
  event: TaskEvent,
  from: { traceparent?: string; task?: TaskOfEvent | undefined } = {},
) {
  const { headers, size, body } = encodeEvent(event, queue, {
    names: makeNames(),
    source: "test",
    now: new Date(0),
    ...from,
  });
  // Both kinds of headers have it, the client's as a method that its interface does not name.
  const encodable = headers as unknown as { encode(): Uint8Array };
  const bytes = Buffer.from(encodable.encode());
  assert.equal(size, bytes.length + body.length);
  return bytes.toString("latin1").split("\r\n");
}

const read = (lines: readonly string[]): Labels =>
  labelsOf(headersIn(lines)) ?? {};

const headersIn = (lines: readonly string[]) => ({
  header: (name: string) =>
    lines
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2) ?? "",
});

test("labels are attributes of the event, encoded as CloudEvents wants it for NATS", () => {
  const labels = { user_id: "Zoë 100%", metadata: { a: "b c", é: '"' } };
  const lines = headersOf(labels);
  assert.ok(lines.includes("ce-userid: Zo%C3%AB%20100%25"));
  assert.ok(
    lines.includes(
      "ce-metadata: {%22a%22:%22b%20c%22,%22%C3%A9%22:%22\\%22%22}",
    ),
  );
  assert.deepEqual(read(lines), labels);
});

test("a request without labels has no header of them", () => {
  const lines = headersOf({});
  assert.ok(!lines.some((line) => /userid|metadata/.test(line)));
  assert.deepEqual(read(lines), {});
});

test("any labels come back as they were", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1 });
  const metadata = fc.dictionary(
    text.filter((key) => key !== "__proto__"),
    text,
    { noNullPrototype: true },
  );
  const labels = fc.record(
    {
      ...{ user_id: text, metadata },
      not_before: fc.double({ min: 0, max: 2.8e11, noNaN: true }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(labels, (labels) => {
      assert.deepEqual(read(headersOf(labels)), labels);
      assert.deepEqual(
        GenerateRequested.parse(requested(newTaskId(), labels).data).metadata,
        labels.metadata,
      );
    }),
  );
});

test("a request for later says how long that is ahead", () => {
  const ahead = (enqueue_time: number, not_before?: number) => {
    const over = { enqueue_time, ...(not_before && { not_before }) };
    const lines = linesOf(requested(newTaskId(), over));
    return scheduledTimeOf(headersIn(lines));
  };
  assert.equal(ahead(1_000.25, 1_060.5), 60.25);
  assert.equal(ahead(1_000, 999), 0);
  assert.equal(ahead(1_000), undefined);
  for (const value of ["", "x", "-1", "Infinity"]) {
    const headers = headersIn([`ce-scheduledtime: ${value}`]);
    assert.equal(scheduledTimeOf(headers), undefined);
  }
});

test("headers that are no labels are left out", () => {
  for (const lines of [
    ["ce-userid: %E0%A4%A", "ce-metadata: {"],
    ["ce-metadata: [1]"],
    ["ce-metadata: {%22a%22:1}"],
  ])
    assert.deepEqual(read(lines), {});
});

test("the type of an error is an attribute of the event", () => {
  const lines = linesOf(failed(newTaskId()));
  assert.ok(lines.includes("ce-errortype: TimeoutError"));
  assert.equal(errorTypeOf(headersIn(lines)), "TimeoutError");
  assert.equal(errorTypeOf(headersIn([])), undefined);
  assert.equal(errorTypeOf(headersIn(["ce-errortype: odd"])), undefined);
});

test("the beginning of an error's message is an attribute of the event", () => {
  const of = (message: string) => {
    const error = { type: "RuntimeError" as const, message, traceback: "" };
    return linesOf(failed(newTaskId(), 1, { error }));
  };
  assert.ok(
    of("no room: 100%").includes("ce-errormessage: no%20room:%20100%25"),
  );
  assert.equal(
    errorMessageOf(headersIn(of("Größe\r\nce-errortype: x"))),
    "Größe ce-errortype: x",
  );
  assert.equal(errorMessageOf(headersIn(of("% ".repeat(300)))), "% ".repeat(128).trim()); // prettier-ignore
  assert.ok(!of(" ").some((line) => line.includes("errormessage")));
  assert.equal(errorMessageOf(headersIn(["ce-errormessage: %E0%A4%A"])), "");
});

test("an error's message takes as much of the headers in any script", () => {
  for (const [character, shown] of [
    ["é", 128],
    ["漢", 85],
    ["😀", 64],
  ] as const) {
    const message = character.repeat(300);
    const error = { type: "RuntimeError" as const, message, traceback: "" };
    const lines = linesOf(failed(newTaskId(), 1, { error }));
    assert.equal(errorMessageOf(headersIn(lines)), character.repeat(shown));
    const header = lines.find((line) => line.startsWith("ce-errormessage: "));
    const { length } = header?.slice("ce-errormessage: ".length) ?? "";
    assert.ok(length > 0 && length <= errorMessageBytes);
  }
});

test("the metrics of an outcome are an attribute of the event", () => {
  const number = fc.double({ min: 0, max: 1e9, noNaN: true });
  const count = fc.nat();
  const anyMetrics = fc.record(
    {
      ...{ queue_wait_time: number, processing_time: number },
      ...{ prompt_tokens: count, completion_tokens: count },
      time_to_first_token: number,
    },
    {
      requiredKeys: [
        ...(["queue_wait_time", "processing_time"] as const),
        ...(["prompt_tokens", "completion_tokens"] as const),
      ],
      noNullPrototype: true,
    },
  );
  const id = newTaskId();
  fc.assert(
    fc.property(anyMetrics, (some) => {
      const { time_to_first_token: _, ...rest } = metrics;
      const over = { metrics: { ...rest, ...some } };
      for (const event of [
        completed(id, 1, over),
        failed(id, 1, over),
        cancelled(id, over),
      ])
        assert.deepEqual(metricsOf(headersIn(linesOf(event))), some);
    }),
  );
});

test("what is no metrics is left out", () => {
  const read = (value: string) =>
    metricsOf(headersIn([`ce-metrics: ${value}`]));
  for (const value of ["", "1,2,3", "1,2,3,x", "1,2,-3,4", "1,2,3,Infinity"])
    assert.equal(read(value), undefined);
});

test("the trace of the call that made the task is an attribute of every event, beside the hop's", () => {
  const origin = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const hop = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
  const id = newTaskId();
  const tracesOf = (event: TaskEvent, given?: { traceparent: string }) =>
    linesOf(event, { traceparent: hop, task: { seq: 1, ...given } }).filter(
      (line) => line.includes("traceparent"),
    );
  const both = [`ce-traceparent: ${origin}`, `traceparent: ${hop}`];
  assert.deepEqual(tracesOf(requested(id, { traceparent: origin })), both);
  assert.deepEqual(tracesOf(completed(id), { traceparent: origin }), both);
  const one = [`traceparent: ${hop}`];
  assert.deepEqual(tracesOf(requested(id)), one);
  assert.deepEqual(tracesOf(completed(id)), one);
  const foreign = `${origin}\r\nNats-Rollup: all`;
  assert.deepEqual(tracesOf(completed(id), { traceparent: foreign }), one);
  assert.deepEqual(tracesOf(requested(id, { traceparent: foreign })), one);
});

test("an outcome that a webhook tells of names its request's sequence, and no other event does", () => {
  const id = newTaskId();
  const seqOf = (event: TaskEvent, webhook?: readonly OutcomeWord[]) =>
    webhookOf(
      headersIn(
        linesOf(event, { task: { seq: 42, ...(webhook && { webhook }) } }),
      ),
    );
  assert.equal(seqOf(completed(id), ["completed", "failed"]), 42);
  assert.equal(seqOf(failed(id), ["completed", "failed"]), 42);
  assert.equal(seqOf(cancelled(id), ["completed", "failed"]), undefined);
  assert.equal(seqOf(completed(id)), undefined);
  assert.equal(seqOf(started(id), ["completed"]), undefined);
  for (const header of ["ce-webhook: x", "ce-webhook: -1", "ce-webhook: 0.5"])
    assert.equal(webhookOf(headersIn([header])), undefined);
});
