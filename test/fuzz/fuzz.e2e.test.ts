/** Some thousands of calls made from the OpenAPI document. `npm run fuzz` sends a hundred thousand. */
import { testSeed } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { formatReport, fuzzSystem } from "./fuzzSystem.ts";

/**
 * What these name is seldom there: a task that has not ended yet, a key that was just made, a lost worker, a link's token,
 * a webhook that was given up.
 * A feed takes one query in a hundred, and a retry one body in ten.
 */
const seldomTaken = new Set([
  ...["cancel", "changeKey", "revokeKey", "dismissWorker"],
  ...["getLink", "feed", "retry", "resendWebhook"],
]);

test("whatever is sent, the gateway answers as documented, and makes no task that it did not accept", async () => {
  const result = await fuzzSystem(3_000, testSeed());
  assert.deepEqual(result.violations, [], formatReport(result));
  const without = (from: number, below: number) =>
    [...result.answers]
      .filter(([, counts]) =>
        [...counts.keys()].every((status) => status < from || status >= below),
      )
      .map(([name]) => name);
  // Every route was reached: it refused something, and took something too.
  assert.deepEqual(without(400, 500), [], formatReport(result));
  const tookNothing = without(200, 300).filter(
    (name) => !seldomTaken.has(name),
  );
  assert.deepEqual(tookNothing, [], formatReport(result));
  assert.ok(result.accepted.size > 20, formatReport(result));
});
