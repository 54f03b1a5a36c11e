import assert from "node:assert/strict";
import { test } from "vitest";
import { freshFor } from "./forecast.ts";

test("a reading that took long is made less often, within bounds", () => {
  assert.deepEqual([1, 12.5, 70, 9_000].map(freshFor), [
    ...[250, 250, 1_400, 5_000],
  ]);
});
