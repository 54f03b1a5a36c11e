import assert from "node:assert/strict";
import { test } from "vitest";
import { ended, endWithUs, forgetEnded, outputOfTest } from "./leftovers.ts";

test("what a process said is told until the next test begins, and longer where it runs on", () => {
  const spawned = (name: string) => ({
    name,
    kill: () => undefined,
    output: () => `${name} said this`,
  });
  const [ends, runsOn] = [spawned("ends"), spawned("runs on")];
  endWithUs(ends);
  endWithUs(runsOn);
  ended(ends);
  const both = "--- ends\nends said this\n--- runs on\nruns on said this";
  assert.equal(outputOfTest(), both);
  forgetEnded();
  assert.equal(outputOfTest(), "--- runs on\nruns on said this");
  ended(runsOn);
});
