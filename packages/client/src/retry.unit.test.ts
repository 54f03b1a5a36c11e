import assert from "node:assert/strict";
import { test } from "vitest";
import { delayOf, pause, retryAfterMs } from "./retry.ts";

test("a pause is half of a limit that doubles up to 10 s, and a random share of the other half, after Retry-After", () => {
  assert.deepEqual(
    [0, 1, 2, 5, 6, 60].map((attempt) => delayOf(attempt, 0, 1)),
    [250, 500, 1_000, 8_000, 10_000, 10_000],
  );
  assert.equal(delayOf(3, 0, 0), 1_000);
  assert.equal(delayOf(0, 2_000, 0.5), 2_187.5);
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(retryAfterMs("2", now), 2_000);
  assert.equal(retryAfterMs("Thu, 01 Jan 2026 00:00:03 GMT", now), 3_000);
  for (const none of [null, "", "soon", "-1", "Wed, 31 Dec 2025 23:59:59 GMT"])
    assert.equal(retryAfterMs(none, now), 0);
});

test("a pause ends with its signal, also one that was aborted before", async () => {
  const controller = new AbortController();
  const paused = pause(60, 60_000, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(paused, /enough/);
  await assert.rejects(pause(60, 60_000, controller.signal), /enough/);
});
