import { makeNames, newTaskId, type TaskEvent } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { decodeEvent, encodeEvent } from "./codec.ts";
import {
  completed,
  queue,
  requestedBy,
  started,
} from "../../test/eventLogTestKit.ts";

const names = makeNames();

const stored = (event: TaskEvent) => {
  const now = new Date(0);
  const { subject, body } = encodeEvent(event, queue, {
    names,
    source: "test",
    now,
  });
  return { subject, data: body, seq: 7, time: 1.5 };
};

test("every event comes back as it went, with its place", () => {
  const id = newTaskId();
  for (const event of [requestedBy(queue), started(id), completed(id)])
    assert.deepEqual(decodeEvent(stored(event)), {
      event: { ...event, seq: 7, time: 1.5 },
      queue,
    });
});

test("the headers are one text, whose length counts", () => {
  const event = started(newTaskId(), 3);
  const now = new Date("2026-01-02T03:04:05.678Z");
  const encoded = encodeEvent(event, queue, {
    names,
    source: "inference",
    now,
  });
  const text = Buffer.from(
    (encoded.headers as unknown as { encode(): Uint8Array }).encode(),
  ).toString();
  const id = `${event.data.task_id}.started.3`;
  assert.deepEqual(text.split("\r\n"), [
    "NATS/1.0",
    "ce-specversion: 1.0",
    `ce-id: ${id}`,
    "ce-source: /jetscribe/inference",
    "ce-type: jetscribe.GenerateStarted.v1",
    `ce-subject: ${event.data.task_id}`,
    "ce-time: 2026-01-02T03:04:05.678Z",
    "ce-dataschema: urn:jetscribe:event:GenerateStarted:v1",
    "ce-datacontenttype: application/json",
    `Nats-Msg-Id: ${id}`,
    "",
    "",
  ]);
  assert.equal(encoded.id, id);
  assert.equal(encoded.size, text.length + encoded.body.length);
});

test("a field of a later version is left out", () => {
  const event = started(newTaskId());
  const message = stored(event);
  const data = Buffer.from(JSON.stringify({ ...event.data, later: "field" }));
  assert.deepEqual(decodeEvent({ ...message, data }), decodeEvent(message));
});

test("what is no event says why, and nothing of what was in it", () => {
  const message = stored(requestedBy(queue));
  const garbageOf = (part: Partial<typeof message>) => {
    const decoded = decodeEvent({ ...message, ...part });
    return "garbage" in decoded ? decoded.garbage : undefined;
  };
  const secret = (data: object) => ({
    data: Buffer.from(JSON.stringify(data)),
  });
  assert.match(
    garbageOf({ subject: "llm.events.odd.m.interactive.a" }) ?? "",
    /subject/,
  );
  assert.match(
    garbageOf({ data: Buffer.from("{") }) ?? "",
    /no GenerateRequested: body/,
  );
  assert.match(garbageOf({ data: Buffer.alloc(0) }) ?? "", /body/);
  const because =
    garbageOf(
      secret({ ...requestedBy(queue).data, prompt: { hidden: "secret" } }),
    ) ?? "";
  assert.match(because, /prompt \(invalid_type\)/);
  assert.doesNotMatch(because, /secret|hidden/);
});

test("a body is read from where it stands in its buffer", () => {
  const message = stored(started(newTaskId()));
  const around = Buffer.concat([
    Buffer.from("{{{"),
    message.data,
    Buffer.from("}}}"),
  ]);
  const data = new Uint8Array(
    around.buffer,
    around.byteOffset + 3,
    message.data.length,
  );
  assert.deepEqual(decodeEvent({ ...message, data }), decodeEvent(message));
});
