import assert from "node:assert/strict";
import { test } from "vitest";
import { makeThroughput } from "./throughput.ts";

test("nothing is known before a task is finished", () => {
  assert.equal(makeThroughput().tokensPerSecond(), undefined);
});

test("long tasks count as much as they took", () => {
  const throughput = makeThroughput();
  throughput.noteFinished(1_000, 10);
  throughput.noteFinished(10, 1);
  assert.ok(Math.abs((throughput.tokensPerSecond() ?? 0) - 91.7) < 1);
});

test("a change shows after some tasks", () => {
  const throughput = makeThroughput();
  for (let i = 0; i < 500; i++) throughput.noteFinished(100, 1);
  for (let i = 0; i < 150; i++) throughput.noteFinished(50, 1);
  assert.ok((throughput.tokensPerSecond() ?? 0) < 55);
});
