import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { headroomOf, limitOf, maxBytesOf } from "./logLimit.ts";

test("a stream's size tells the limit that it was made for, of whatever size", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (limit) => {
      assert.equal(limitOf(maxBytesOf(limit)), limit);
      assert.ok(headroomOf(limit) >= limit / 4);
    }),
  );
});
