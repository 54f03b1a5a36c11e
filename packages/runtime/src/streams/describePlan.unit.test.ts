import type { StreamPlan } from "@jetscribe/event-log/streams/streamPlan";
import assert from "node:assert/strict";
import { test } from "vitest";
import { isEmpty, describePlan } from "./describePlan.ts";

const nothing: StreamPlan = {
  ...{ stream: "EVENTS", missing: false, changes: [], kept: [] },
  ...{ losses: [], refusals: [] },
};
const stream = "EVENTS";

test("a plan says for each field what is now and what will be, and what is lost", () => {
  const plan: StreamPlan = {
    ...nothing,
    changes: [
      { stream, field: "discard", found: "old", wanted: "new" },
      { stream, field: "max_age", found: 86_400e9, wanted: 0 },
      { stream, field: "max_bytes", found: -1, wanted: 1_250 },
    ],
    kept: [{ stream, field: "republish", found: undefined, wanted: {} }],
    losses: ["finished history"],
    refusals: ["it does not fit"],
  };
  assert.deepEqual(describePlan(plan), [
    "EVENTS:",
    "  discard: old -> new",
    "  max_age: 86400 s -> no limit",
    "  max_bytes: no limit -> 1250 bytes",
    "  republish: none stays: nats-server can't change it",
    "  lost: finished history",
    "  refused: it does not fit",
  ]);
  assert.equal(isEmpty(plan), false);
});

test("a plan without changes says so; a missing stream is made", () => {
  assert.deepEqual(describePlan(nothing), ["EVENTS: as it should be"]);
  assert.equal(isEmpty(nothing), true);
  const missing = { ...nothing, missing: true };
  assert.match(String(describePlan(missing)), /is missing/);
  assert.equal(isEmpty(missing), false);
});
