import { createParser } from "eventsource-parser";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  makeParser,
  readServerSentEvents,
  type ServerSentEvent,
} from "./serverSentEvents.ts";

/** As the reference parser reads a whole text. */
function reference(text: string): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  const parser = createParser({
    onEvent: ({ event = "message", id, data }) =>
      events.push({ event, id, data }),
  });
  parser.feed(text);
  return events;
}

const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
const value = fc
  .string({ unit: "grapheme", maxLength: 6 })
  .map((text) => text.replace(/[\r\n]/g, ""));
const line = fc.oneof(
  fc
    .tuple(fc.constantFrom("event", "id", "data", "other", ""), value)
    .map(([name, text]) => `${name}: ${text}`),
  value.map((text) => `data:${text}`),
  fc.constantFrom("data", ":", ": comment", "id: a\0b", "data:", "event:"),
  fc.constant(""),
);
const stream = fc
  .array(fc.tuple(line, lineEnd))
  .map((lines) => lines.flat().join(""));

/** The text in pieces, which may cut anywhere. */
function* cut(text: string, at: readonly number[]) {
  let from = 0;
  for (const to of [...at]
    .sort((a, b) => a - b)
    .map((n) => n % (text.length + 1))
    .sort((a, b) => a - b)) {
    yield text.slice(from, to);
    from = to;
  }
  yield text.slice(from);
}

test("any stream, cut anywhere, is read as the reference parser reads it", () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat()), (text, cuts) => {
      const parse = makeParser();
      const events = [...cut(text, cuts)].flatMap((piece) => [...parse(piece)]);
      assert.deepEqual(events, reference(text));
    }),
    { numRuns: 2_000 },
  );
});

test("characters of several bytes, cut anywhere, and a byte order mark", async () => {
  const text = `\uFEFFid: 1\ndata: ä€😀\n\nevent: end\r\ndata: a\r\ndata: b\r\n\r\ndata: lost`;
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at <= bytes.length; at++) {
    const body = ReadableStream.from([bytes.slice(0, at), bytes.slice(at)]);
    assert.deepEqual(
      await Array.fromAsync(readServerSentEvents(body, 60_000)),
      [
        { event: "message", id: "1", data: "ä€😀" },
        { event: "end", id: undefined, data: "a\nb" },
      ],
    );
  }
});

test("leaving the loop closes the body", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) =>
      controller.enqueue(new TextEncoder().encode("data: a\n\n")),
    cancel: () => void (cancelled = true),
  });
  for await (const { data } of readServerSentEvents(body, 60_000)) {
    assert.equal(data, "a");
    break;
  }
  assert.ok(cancelled);
});

test("a body that falls silent is given up and closed", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) =>
      controller.enqueue(new TextEncoder().encode("data: a\n\n")),
    cancel: () => void (cancelled = true),
  });
  const events: ServerSentEvent[] = [];
  await assert.rejects(async () => {
    for await (const event of readServerSentEvents(body, 50))
      events.push(event);
  }, /nothing came for 50 ms/);
  assert.equal(events.length, 1);
  assert.ok(cancelled);
});
