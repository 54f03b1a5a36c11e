import assert from "node:assert/strict";
import { test } from "vitest";
import { makeFailing } from "./failing.ts";

test("a host has just failed for half a minute, or until it works, and for one owner", () => {
  let now = 0;
  const failing = makeFailing(() => now);
  failing.failed("a", "x");
  failing.failed("a", "y");
  assert.ok(failing.has("a", "x") && !failing.has("b", "x"));
  failing.works("a", "y");
  assert.ok(!failing.has("a", "y"));
  now = 30_000;
  assert.ok(!failing.has("a", "x"));
});
