import assert from "node:assert/strict";
import { test } from "vitest";
import { makeBytesPerToken } from "./bytesPerToken.ts";
import { completed } from "../../test/resultsTestKit.ts";

/** Outcomes with so many tokens of so many bytes each. */
const outcomes = (count: number, bytes: number, tokens = 100) =>
  Array.from({ length: count }, () => {
    const event = completed("a");
    if (event.type !== "GenerateCompleted") throw new Error("no outcome");
    const result = "x".repeat(bytes * tokens);
    const metrics = { ...event.data.metrics, completion_tokens: tokens };
    const data = { ...event.data, result, metrics };
    return { ...event, data, seq: 1, time: 0 };
  });

test("a single outcome of a thousand may take more, two raise the value", () => {
  const per = makeBytesPerToken(8);
  per.note(outcomes(1_500, 5));
  assert.ok(per.get() >= 5 && per.get() < 5.6, String(per.get()));
  per.note(outcomes(1, 30));
  assert.ok(per.get() < 5.6, String(per.get()));
  per.note(outcomes(2, 30));
  assert.ok(per.get() >= 30 && per.get() < 33, String(per.get()));
});

test("what was large once is forgotten in time", () => {
  const per = makeBytesPerToken(8);
  per.note(outcomes(50, 30));
  for (let i = 0; i < 60; i++) per.note(outcomes(1_000, 5, 10));
  assert.ok(per.get() < 5.6, String(per.get()));
});

test("few outcomes don't lower what was found earlier, and nothing leaves the range", () => {
  const per = makeBytesPerToken(8);
  per.note(outcomes(20, 5));
  assert.equal(per.get(), 8);
  per.note(outcomes(1, 500));
  assert.ok(per.get() >= 64 && per.get() < 68);
  const short = makeBytesPerToken(8);
  short.note(outcomes(2_000, 1));
  assert.equal(short.get(), 4);
});

test("text that JSON writes with more bytes counts as it is stored", () => {
  const per = makeBytesPerToken(8);
  const [one] = outcomes(1, 0);
  assert.ok(one?.type === "GenerateCompleted");
  one.data.result = "\n".repeat(2_000);
  per.note([one]);
  assert.ok(per.get() >= 40, String(per.get()));
});

test("reasoning counts like the result", () => {
  const per = makeBytesPerToken(8);
  const [one] = outcomes(1, 5);
  assert.ok(one?.type === "GenerateCompleted");
  one.data.reasoning = "x".repeat(2_500);
  per.note([one]);
  assert.ok(per.get() >= 30, String(per.get()));
});
