import { encodeEvent, type LogMessage } from "@jetscribe/event-log/codec/codec";
import {
  makeNames,
  newTaskId,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  idOfLine,
  outcomeEvent,
  queue,
  requestedEvent,
  startedEvent,
} from "../test/loggerTestKit.ts";
import { projectEvents } from "./projectEvents.ts";

function messages(events: TaskEvent[], firstSeq = 1): LogMessage[] {
  return events.map((event, at) => {
    const now = new Date();
    const { subject, body } = encodeEvent(event, queue, {
      names: makeNames(),
      source: "test",
      now,
    });
    return { subject, data: body, seq: firstSeq + at, time: 1_763_739_045 };
  });
}

/** Projects batches one after the other, with what a checkpoint would remember in between. */
function project(...batches: LogMessage[][]) {
  const kept = new Map<string, TaskState>();
  const garbage: number[] = [];
  const ids = batches.flatMap((batch) => {
    const { requests, tasks } = projectEvents(batch, {
      taskBefore: (id) => {
        const task = kept.get(id);
        if (task === undefined) return undefined;
        return task.status === "queued" ? task : "ended";
      },
      withResult: false,
      onGarbage: (seq) => garbage.push(seq),
    });
    for (const [id, task] of tasks) kept.set(id, task);
    return requests.map(({ text }) => idOfLine(text));
  });
  return { ids, garbage };
}

const [a, b] = [newTaskId(), newTaskId()];
const life = (id: string) =>
  messages([
    requestedEvent(id),
    startedEvent(id),
    outcomeEvent(id, "completed"),
  ]);

test("a task has one line, whatever comes after its first outcome", () => {
  const again = messages(
    [
      outcomeEvent(a, "failed"),
      requestedEvent(a),
      outcomeEvent(a, "cancelled"),
    ],
    4,
  );
  assert.deepEqual(project([...life(a), ...again]).ids, [a]);
  assert.deepEqual(project(life(a), again).ids, [a]);
});

test("an outcome without a request has none", () =>
  assert.deepEqual(project(messages([outcomeEvent(a, "completed")])).ids, []));

test("the events of a task can lie in different batches", () => {
  const batches = [...life(a), ...life(b)].map((message, at) => [
    { ...message, seq: at + 1 },
  ]);
  assert.deepEqual(project(...batches).ids, [a, b]);
});

test("bytes that are no event are told, other subjects are not, and both are passed over", () => {
  const [one, ...rest] = life(b);
  assert.ok(one);
  const broken = { ...one, data: Buffer.from("{"), seq: 7 };
  const foreign = { ...one, subject: "llm.events.other.demo", seq: 8 };
  assert.deepEqual(project([broken, foreign, one, ...rest]), {
    ids: [b],
    garbage: [7],
  });
});
