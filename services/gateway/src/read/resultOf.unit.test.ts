import { evolve, type RecordedEvent } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "vitest";
import { outcomeOf } from "./resultOf.ts";

const fixtures = new URL(
  "../../../../packages/schema/fixtures/events/v1/",
  import.meta.url,
);
const fixture = (file: string): object =>
  JSON.parse(readFileSync(new URL(file, fixtures), "utf8")) as object;

test("the reasoning of a completed task stands beside its result", () => {
  const events = [
    { type: "GenerateRequested", data: fixture("GenerateRequested.full.json") },
    {
      type: "GenerateCompleted",
      data: fixture("GenerateCompleted.reasoning.json"),
    },
  ] as RecordedEvent[];
  const task = events.reduce<ReturnType<typeof evolve>>(
    (task, event, i) => evolve(task, { ...event, seq: i + 1, time: 1 }),
    undefined,
  );
  assert.ok(task?.status === "completed");
  const outcome = outcomeOf(task);
  assert.ok(outcome.status === "completed");
  assert.equal(outcome.result, "Qubits hold a blend of 0 and 1.\n");
  assert.equal(outcome.reasoning, "It is about qubits.\n");
});
