import assert from "node:assert/strict";
import { test } from "vitest";
import { formatLine, lineFormat } from "./formatLine.ts";

const time = new Date(2026, 0, 2, 12, 0, 1).getTime();

test("a log record becomes a line with its fields", () => {
  const record = {
    level: 30,
    time,
    pid: 1,
    hostname: "h",
    service: "gateway",
    msg: "listening",
    port: 8000,
    note: "a b",
    done: 0.7156590223312378,
  };
  assert.equal(
    formatLine("gateway", JSON.stringify(record)),
    'gateway   | 12:00:01 INFO  listening port=8000 note="a b" done=0.716',
  );
});

test("an error's stack stands below its record", () => {
  const err = {
    type: "Error",
    message: "no",
    stack: "Error: no\n    at there",
  };
  const lines = formatLine(
    "results",
    JSON.stringify({ level: 50, time, msg: "failed", err }),
  ).split("\n");
  assert.deepEqual(lines, [
    "results   | 12:00:01 ERROR failed",
    "results   |     Error: no",
    "results   |         at there",
  ]);
});

test("what is no record stays as it is", () => {
  for (const line of ["plain text", '{"half": ', '{"no": "record"}', ""])
    assert.equal(formatLine("logger", line), `logger    | ${line}`);
});

test("nothing from outside reaches the terminal as a command or a line of its own", () => {
  const hostile = "a\x1b[2Jb\r\nc\u202ed";
  const line = formatLine(
    "gateway",
    JSON.stringify({ level: 30, time, msg: hostile, user_id: hostile }),
  );
  assert.doesNotMatch(line, /[\x00-\x1f\u202e]/);
});

test("for log collectors every line is a record: what a service wrote besides becomes one", () => {
  const format = lineFormat("json");
  const record = JSON.stringify({ time: "2026-01-02", level: "info" });
  assert.equal(format("gateway", record), record);
  const { time: at, ...rest } = JSON.parse(
    format("inference-2", 'ggml: "no device"'),
  ) as Record<string, string>;
  assert.deepEqual(rest, {
    level: "error",
    service: "inference",
    message: 'ggml: "no device"',
  });
  assert.ok(Date.parse(at ?? "") > 0);
  assert.equal(lineFormat(undefined), formatLine);
});
