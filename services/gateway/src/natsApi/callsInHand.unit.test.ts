import assert from "node:assert/strict";
import { test } from "vitest";
import { makeCallsInHand } from "./callsInHand.ts";

test("so many calls of one owner, and of all, wait at once; an answered one makes room", () => {
  const calls = makeCallsInHand({ ofOwner: 2, ofAll: 3 });
  const refused = { code: "rate_limited", facts: { retryAfterS: 1 } };
  const first = calls.take("ann");
  calls.take("ann");
  assert.throws(() => calls.take("ann"), refused);
  calls.take("bob");
  assert.throws(() => calls.take("cy"), refused);
  first[Symbol.dispose]();
  calls.take("cy");
  assert.throws(() => calls.take("ann"), refused);
});
