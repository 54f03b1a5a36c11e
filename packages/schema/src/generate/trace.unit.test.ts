import assert from "node:assert/strict";
import { test } from "vitest";
import { aboutTask, isTraceparent, traceIdOf } from "./trace.ts";

const task_id = "01a223a2-8a9a-7000-88f8-34f32d0239c4";
const trace = "0af7651916cd43dd8448eb211c80319c";
const traceparent = `00-${trace}-b7ad6b7169203331-01`;

test("a task's trace is that of the call that made it, else one with the task's own id", () => {
  assert.equal(traceIdOf({ task_id, traceparent }), trace);
  assert.equal(traceIdOf({ task_id }), "01a223a28a9a700088f834f32d0239c4");
});

test("a log record names both, and nothing else of the task", () => {
  const task = { task_id, traceparent, owner: "team-a" };
  assert.deepEqual(aboutTask(task), { task_id, trace_id: trace });
});

test("a traceparent with an id of zeros, in capitals or of another version is none", () => {
  assert.ok(isTraceparent(traceparent));
  const others = [
    "",
    traceparent.toUpperCase(),
    traceparent.replace(/^00/, "01"),
    traceparent.replace(trace, "0".repeat(32)),
    traceparent.replace("b7ad6b7169203331", "0".repeat(16)),
    `${traceparent}-01`,
  ];
  for (const other of others) assert.ok(!isTraceparent(other), other);
});
