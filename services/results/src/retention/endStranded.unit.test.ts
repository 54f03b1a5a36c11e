import assert from "node:assert/strict";
import { test } from "vitest";
import { holdLog } from "./endStranded.ts";
import { queue } from "../../test/resultsTestKit.ts";

test("stranded tasks hold the log where the oldest unfinished request is in one of their queues", () => {
  const others = { ...queue, owner: "b" };
  assert.ok(holdLog([others, queue], { queue: { ...queue } }));
  assert.ok(!holdLog([others], { queue }));
  // A reader holds it, or nothing is known.
  assert.ok(!holdLog([queue], {}));
  assert.ok(!holdLog([queue], undefined));
});
