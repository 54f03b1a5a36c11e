import assert from "node:assert/strict";
import { test } from "vitest";
import { makePace } from "./pace.ts";

test("nothing is known before a task is finished", () => {
  assert.equal(makePace().tokensPerSecond(), undefined);
});

test("long tasks count as much as they took", () => {
  const pace = makePace();
  pace.finished(1_000, 10);
  pace.finished(10, 1);
  assert.ok(Math.abs((pace.tokensPerSecond() ?? 0) - 91.7) < 1);
});

test("a change shows after some tasks", () => {
  const pace = makePace();
  for (let i = 0; i < 500; i++) pace.finished(100, 1);
  for (let i = 0; i < 150; i++) pace.finished(50, 1);
  assert.ok((pace.tokensPerSecond() ?? 0) < 55);
});
