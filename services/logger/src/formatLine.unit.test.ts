import type { EndedTask, FailedTask } from "@jetscribe/schema";
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { escape, indent, quote } from "./escape.ts";
import { formatError, formatLine } from "./formatLine.ts";

const facts = {
  task_id: "abc-123-def",
  seq: 1,
  model: "Demo-7B",
  lane: "interactive",
  owner: "default",
  enqueue_time: 0,
  timeout_ms: 1,
  start_timeout_ms: 1,
  max_tokens: 16,
  attempt: 1,
  failures: 0,
  end_seq: 3,
  end_time: Date.UTC(2025, 10, 21, 15, 30, 45, 999) / 1000,
  metrics: {
    queue_wait_time: 2.3,
    processing_time: 5.8,
    total_time: 8.1,
    prompt_tokens: 50,
    completion_tokens: 200,
    tokens_per_second: 200 / 5.8,
  },
} as const;

const completed: EndedTask = {
  ...facts,
  status: "completed",
  result: "two\nlines",
  finish_reason: "stop",
};
const failed: FailedTask = {
  ...facts,
  status: "failed",
  error: { type: "TimeoutError", message: "too slow" },
};
const nothing = {
  queue_wait_time: 4,
  processing_time: 0,
  total_time: 4,
  prompt_tokens: 0,
  completion_tokens: 0,
  tokens_per_second: 0,
};
const cancelled: EndedTask = {
  ...facts,
  attempt: 0,
  metrics: nothing,
  status: "cancelled",
};

const seed =
  "[2025-11-21 15:30:45] task_id=abc-123-def status=success prompt_tokens=50 completion_tokens=200 tokens_per_sec=34.48 queue_wait=2.30s processing_time=5.80s total_time=8.10s";

describe("a line", () => {
  test("of a completed task", () =>
    assert.equal(
      formatLine(completed, false),
      `${seed} model="Demo-7B" attempt=1`,
    ));
  test("of a failed task has the error behind the same fields", () =>
    assert.equal(
      formatLine(failed, true),
      `${seed.replace("success", "failed")} error=TimeoutError model="Demo-7B" attempt=1`,
    ));
  test("of a cancelled task that never started has zeros", () =>
    assert.equal(
      formatLine(cancelled, true),
      '[2025-11-21 15:30:45] task_id=abc-123-def status=cancelled prompt_tokens=0 completion_tokens=0 tokens_per_sec=0.00 queue_wait=4.00s processing_time=0.00s total_time=4.00s model="Demo-7B"',
    ));
  test("with a user and the result", () =>
    assert.equal(
      formatLine({ ...completed, user_id: "alice" }, true),
      `${seed} user_id="alice" model="Demo-7B" attempt=1 result="two\\nlines"`,
    ));
});

test("metadata stands in no line", () => {
  const metadata = { order: "A-17" };
  assert.equal(
    formatLine({ ...completed, metadata }, true),
    formatLine(completed, true),
  );
  assert.equal(
    formatError({ ...failed, metadata }, ""),
    formatError(failed, ""),
  );
});

test("an entry of errors.log has the same head, the message and the traceback below", () =>
  assert.equal(
    formatError(
      failed,
      "Error: too slow\n    at engine\r\n[2025-11-21] forged\n",
    ),
    [
      formatLine(failed, false),
      "    too slow",
      "    Error: too slow",
      "        at engine",
      "    [2025-11-21] forged",
    ].join("\n"),
  ));

describe("text from outside can't break a line, or forge a field", () => {
  const table: [string, string][] = [
    ["plain", '"plain"'],
    ['a" status=success b="', '"a\\" status=success b=\\""'],
    ["back\\slash", '"back\\\\slash"'],
    ["a\nb", '"a\\nb"'],
    ["a\r\nb", '"a\\u000d\\nb"'],
    ["tab\there", '"tab\\there"'],
    ["\u0000\u001b[31m", '"\\u0000\\u001b[31m"'],
    ["\u0085\u2028\u2029", '"\\u0085\\u2028\\u2029"'],
    ["\u202etxt.exe", '"\\u202etxt.exe"'],
    ["\ud800", '"\\ud800"'],
    ["\u{e0041}", '"\\udb40\\udc41"'],
    ["größe 😀 漢字", '"größe 😀 漢字"'],
  ];
  for (const [text, quoted] of table)
    test(JSON.stringify(text), () => assert.equal(quote(text), quoted));
});

const lineBreak = /[\n\v\f\r\u0085\u2028\u2029]/;
const unit = "binary" as const;
const texts = fc.oneof(
  fc.string({ unit }),
  fc.string({ unit: fc.constantFrom(...'\r\n\v\f\u0085\u2028\\" =[]a\ud83d') }),
);

test("property: what is quoted is a JSON string of one line, and nothing is lost of it", () =>
  fc.assert(
    fc.property(texts, (text) => {
      assert.doesNotMatch(quote(text), lineBreak);
      assert.equal(JSON.parse(quote(text)), text);
      assert.doesNotMatch(escape(text), lineBreak);
    }),
    { numRuns: 2_000 },
  ));

test("property: a line is one line, and each below the head of an entry is indented", () =>
  fc.assert(
    fc.property(texts, texts, texts, (user_id, model, text) => {
      const outside = { user_id, model };
      const line = formatLine({ ...completed, ...outside, result: text }, true);
      assert.doesNotMatch(line, lineBreak);
      const error = { type: "RuntimeError", message: text } as const;
      const entry = formatError({ ...failed, ...outside, error }, text);
      const [head = "", ...below] = entry.split("\n");
      assert.ok(head.startsWith("[2025-11-21 15:30:45] task_id=abc-123-def "));
      for (const one of below) {
        assert.ok(one.startsWith("    "));
        assert.doesNotMatch(one, lineBreak);
      }
    }),
    { numRuns: 1_000 },
  ));

test("an empty text has no lines", () => assert.deepEqual(indent(""), []));
