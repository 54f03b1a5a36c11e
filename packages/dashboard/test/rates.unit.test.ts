import assert from "node:assert/strict";
import { test } from "vitest";
import { ratesOf, withCounts } from "../src/now/rates.ts";

const none = { requested: 0, started: 0, retried: 0, completed: 0, failed: 0, cancelled: 0 }; // prettier-ignore

test("rates are of the last ten seconds, and go down where nothing comes", () => {
  const counts = { ...none, requested: 20, failed: 5 };
  const first = withCounts([], { at: 100, counts });
  const kept = withCounts(first, { at: 104, counts });
  assert.deepEqual(ratesOf(kept, 104), { ...none, requested: 4, failed: 1 });
  assert.deepEqual(ratesOf(kept, 111), { ...none, requested: 2, failed: 0.5 });
  assert.deepEqual(ratesOf(kept, 114), none);
  assert.equal(withCounts(kept, { at: 112, counts }).length, 2);
});
