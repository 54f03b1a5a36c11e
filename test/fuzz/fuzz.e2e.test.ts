/** Some thousands of calls made from the OpenAPI document. `npm run fuzz` sends a hundred thousand. */
import { testSeed } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { formatReport, fuzzSystem } from "./fuzzSystem.ts";

test("whatever is sent, the gateway answers as documented, and makes no task that it did not accept", async () => {
  const result = await fuzzSystem(3_000, testSeed());
  assert.deepEqual(result.violations, [], formatReport(result));
  // Every route was reached: it refused something. A few may have accepted nothing: some tasks end before they can be cancelled.
  const routes = [...result.answers];
  const answered = (from: number, below: number) =>
    routes.filter(([, counts]) =>
      [...counts.keys()].some((status) => status >= from && status < below),
    ).length;
  assert.equal(answered(400, 500), routes.length, formatReport(result));
  assert.ok(answered(200, 300) >= routes.length - 4, formatReport(result));
  assert.ok(result.accepted.size > 20, formatReport(result));
});
