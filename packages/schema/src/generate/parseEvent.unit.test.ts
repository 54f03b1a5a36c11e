import assert from "node:assert/strict";
import { test } from "vitest";
import { queue, started } from "../../test/taskEventsTestKit.ts";
import { parseEvent } from "./parseEvent.ts";
import { makeNames } from "./subjects.ts";
import { newTaskId } from "./taskId.ts";

const event = started(newTaskId());
const message = {
  subject: makeNames().eventSubject(event.type, queue),
  seq: 7,
  time: 1.5,
  body: JSON.stringify(event.data),
};
const parsed = { event: { ...event, seq: 7, time: 1.5 }, queue };

test("an event is parsed from text or bytes, in any namespace", () => {
  assert.deepEqual(parseEvent(message), parsed);
  const body = new TextEncoder().encode(message.body);
  assert.deepEqual(parseEvent({ ...message, body }), parsed);
  const subject = makeNames("shop").eventSubject(event.type, queue);
  assert.deepEqual(parseEvent({ ...message, subject }), parsed);
});

test("a field that this version does not know is left out", () => {
  const body = JSON.stringify({ ...event.data, later: "field" });
  assert.deepEqual(parseEvent({ ...message, body }), parsed);
});

test("what is no event is told without what stands in it", () => {
  const garbageOf = (over: Partial<typeof message>) => {
    const parsed = parseEvent({ ...message, ...over });
    return "garbage" in parsed ? parsed.garbage : undefined;
  };
  for (const subject of [
    "",
    "llm.events.started",
    "llm.stored.started.m.batch.a",
  ])
    // prettier-ignore
    assert.equal(garbageOf({ subject }), "the subject is no event's");
  for (const body of ["", "secret", "[]", "null"])
    assert.equal(
      garbageOf({ body }),
      "the body is no GenerateStarted: body (invalid_type)",
    );
  assert.equal(
    garbageOf({ body: JSON.stringify({ ...event.data, attempt: "secret" }) }),
    "the body is no GenerateStarted: attempt (invalid_type)",
  );
});
